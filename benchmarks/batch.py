"""Batch prediction compared with the same work in two plain processes, and its peak memory.

    make bench-batch           needs CIFAR10_DIR with Parquet files, and a quiet machine

50,000 pictures, two actors against two processes, with the same checkpoint, backend and files. Start-up
has a column of its own. Memory is the peak over all processes, shared memory counted once, for a quarter
and for all of the pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from benchmarks.harness import report
from benchmarks.harness.rounds import say
from benchmarks.harness.servers import clean_environment
from models.registry import PRETRAINED
from settings import ROOT, get_settings

PROCESSES = 2
ROUNDS = 3
AIM = 0.8


@dataclass(frozen=True)
class Run:
    """One batch prediction."""

    rows: int
    seconds: float
    startup_s: float
    labels: Counter[str]
    peak_bytes: int


def ours(data: Path, home: Path) -> Run:
    """A batch prediction in a process and a Ray of its own."""
    output = home / "out"
    program = (
        "import json, sys; from pathlib import Path; from settings import get_settings\n"
        "from models import specs; from training.batch_predict.run import predict\n"
        "from training.runs.config import BatchPredict\n"
        f"config = BatchPredict(data=sys.argv[1], num_workers={PROCESSES})\n"
        "print(json.dumps(predict(specs.get('cifar10'), config, get_settings(), Path(sys.argv[2]))))"
    )
    environment = clean_environment() | {"AIR_HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(data), str(output)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    peak = _Peak(process.pid)
    printed = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"The batch prediction ended with {process.returncode}:\n{printed}")
    result = json.loads(printed.splitlines()[-1])
    return Run(result["rows"], result["seconds"], result["startup_s"], Counter(result["labels"]), peak.bytes)


def raw(data: Path, rows: int) -> Run:
    """The same in plain processes, each with its share; the slowest one's seconds count."""
    share = rows // PROCESSES
    environment = clean_environment() | {"PEER_CHECKPOINT": str(PRETRAINED / "cifar10"), "PYTHONPATH": str(ROOT)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.raw_batch", str(data), str(i * share), str((i + 1) * share)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for i in range(PROCESSES)
    ]
    for worker in workers:
        while worker.stdout.readline().strip() != "ready":
            if worker.poll() is not None:
                raise SystemExit("A plain process ended before it was ready.")
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [json.loads(worker.communicate()[0].splitlines()[-1]) for worker in workers]
    labels = sum((Counter(answer["labels"]) for answer in answers), Counter())
    return Run(share * PROCESSES, max(answer["seconds"] for answer in answers), 0.0, labels, 0)


class _Peak:
    """Watches a process and its descendants: the largest sum of their own memory, plus shared memory once."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._process = psutil.Process(pid)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        ended = threading.Event()
        while not ended.wait(0.5):
            try:
                tree = [self._process, *self._process.children(recursive=True)]
            except psutil.Error:
                return
            self.bytes = max(self.bytes, sum(map(_own_bytes, tree)) + psutil.virtual_memory().shared)


def _own_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().uss
    except psutil.Error:
        return 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Batch prediction compared with plain processes.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    folder = get_settings().cifar10_dir
    found = sorted(folder.glob("train*.parquet")) if folder else []
    if not found:
        raise SystemExit("Set CIFAR10_DIR to a folder with train*.parquet.")
    rows = pq.read_metadata(found[0]).num_rows
    with tempfile.TemporaryDirectory(prefix="air-bench-") as scratch:
        quarter = Path(scratch, "quarter.parquet")
        pq.write_table(pq.read_table(found[0]).slice(0, rows // 4), quarter)
        few = ours(quarter, Path(scratch, "quarter"))
        pairs = []
        for i in range(options.rounds):
            say(f"round {i + 1} of {options.rounds}")
            pairs.append((ours(found[0], Path(scratch, f"home{i}")), raw(found[0], rows)))
    _print(rows, few, pairs)


def _print(rows: int, few: Run, pairs: list[tuple[Run, Run]]) -> None:
    for batch, plain in pairs:
        if sum((batch.labels - plain.labels).values()) > rows / 1_000:
            raise SystemExit(f"The two answered differently: {batch.labels} and {plain.labels}")
    ratios = [batch.rows / batch.seconds / (plain.rows / plain.seconds) for batch, plain in pairs]
    print(f"{rows:,} pictures, {PROCESSES} actors or processes, {len(pairs)} rounds, {os.cpu_count()} cores\n")
    print("| | pictures/s | start-up, s |\n| --- | --- | --- |")
    print(
        f"| `training.batch_predict` | {report.spread([b.rows / b.seconds for b, _ in pairs], 0)} "
        f"| {report.spread([b.startup_s for b, _ in pairs], 1)} |"
    )
    print(f"| plain processes | {report.spread([p.rows / p.seconds for _, p in pairs], 0)} | – |")
    met = "yes" if statistics.median(ratios) >= AIM else "no"
    print(f"| ratio (aim ≥ {AIM}) | {report.spread(ratios, 2)} | met: {met} |\n")
    largest = max(batch.peak_bytes for batch, _ in pairs)
    print(
        f"Peak memory: {few.peak_bytes / 2**20:,.0f} MiB with {few.rows:,}, {largest / 2**20:,.0f} MiB with {rows:,}."
    )


if __name__ == "__main__":
    main()
