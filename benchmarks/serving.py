"""How fast the models answer on the public port, compared with the same models behind other servers.

    python -m benchmarks.serving [--rounds 5] [--seconds 4] [--only image|table|training]

Needs wrk (Debian: apt install wrk). All servers run at once; all but the measured one are suspended,
and every round measures each cell once. Peers: FastAPI by hand, LitServe, and plain processes
without a server. ``--only training`` measures the app alone and during a training instead.
Exit status 1 when an answer was wrong or a request failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import beside_training
from benchmarks.harness import aims, load, report
from benchmarks.harness.rounds import ENGINES, IMAGE, MANY, SHIPPED, TABLE, Bench
from models.registry import PRETRAINED

PORT = 18_900
TITLES = {IMAGE: "Images", TABLE: "Rows"}
MODELS = {None: [IMAGE, TABLE], "image": [IMAGE], "table": [TABLE], "training": [IMAGE, TABLE]}


def main() -> int:
    """Print the tables; returns the exit status."""
    options = _options()
    # The servers are stopped on the way out, which SIGTERM by itself would skip.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        wrk = load.check_wrk()
        with tempfile.TemporaryDirectory(prefix="air-bench-") as folder, ExitStack() as stack:
            bench = Bench(Path(folder), options, stack)
            if options.only == "training":
                return beside_training.run(bench, wrk, options)
            return _compare(bench, wrk, options)
    except load.LoadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _compare(bench: Bench, wrk: str, options: argparse.Namespace) -> int:
    for engine in ENGINES:
        models = [model for model in MODELS[options.only] if model == IMAGE or engine == SHIPPED]
        if models:
            bench.start(engine, models)
    results = bench.run(options.rounds)
    print(report.header(wrk, bench.sources, options.rounds, options.seconds))
    for model in MODELS[options.only]:
        print(report.figures(TITLES[model], {cell: results[cell] for cell in results if cell.model == model}))
    print(aims.table(results, bench.replicas))
    print(report.where_time_goes(results, MANY))
    return int(any(measured.failures for each in results.values() for measured in each))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each cell is measured")
    parser.add_argument("--seconds", type=int, default=4, help="how long a cell is measured each time")
    parser.add_argument("--only", choices=[name for name in MODELS if name], help="measure only this part")
    parser.add_argument("--image-checkpoint", type=Path, default=PRETRAINED / IMAGE, help="folder of the image model")
    parser.add_argument("--table-checkpoint", type=Path, default=PRETRAINED / TABLE, help="folder of the table model")
    parser.add_argument("--port", type=int, default=PORT, help="first port to use; each server gets ten")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
