"""The overhead of Ray Tune per trial, and the duration of a study with 50 trials.

    python -m benchmarks.tuning [ROUNDS]

Compares a study of the table model, whose trials all have the same configuration and run one at a time, with
``xgboost.train`` of that configuration in a bare loop in one process. Then runs the default study of 50 trials
from the command line, from start to end. AIR_HOME is fresh each round.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import xgboost as xgb

from benchmarks.harness.report import spread
from models import specs
from models.table.preprocessing import Preprocessor
from settings import ROOT, Settings, available_cpus
from training.datasets import tables as dataset
from training.runs import ray_session
from training.runs.config import TrainTable
from training.table import train as breast_cancer
from training.table.learners import trees
from training.tuning import studies
from training.tuning import study as tuning
from training.tuning.config import TuneTable

ROWS = specs.get("breast-cancer")

ROUNDS = 3
TRIALS = 30
FIRST = 5
ONE_VALUE = {"max_depth": {"type": "choice", "values": [TrainTable().max_depth]}}
AIM_S = 60


def bare_loop() -> float:
    """Seconds of one training of the defaults, the middle of a loop."""
    table = dataset.read(ROWS)
    config = TrainTable(learner="xgboost").completed(ROWS)
    fitted = breast_cancer.fit_preprocessor(ROWS, table, breast_cancer.scaled_columns(config, table.names))
    preprocessor = Preprocessor(table.features, fitted)
    rows = {split: breast_cancer.encoded(table, preprocessor, split) for split in ("train", "validation")}
    seconds = []
    for _ in range(TRIALS):
        began = time.perf_counter()
        train, validation = (xgb.DMatrix(*rows[split], nthread=1) for split in ("train", "validation"))
        params = trees.booster_params(config, threads=1, data=ROWS.data)
        trees.boost(params, config.num_boost_round, train, validation, [])
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[FIRST:])


def trial_in_a_study(settings: Settings) -> float:
    """Seconds from one trial's start to the next one's, the middle of a study that trains the same each time."""
    config = TuneTable(num_samples=TRIALS, max_concurrent=1, space=ONE_VALUE)
    trials = studies.Store(settings).read(tuning.tune(ROWS, config, settings)["study"]).trials
    starts = [trial.started for trial in trials]
    return statistics.median(after - before for before, after in zip(starts[FIRST:], starts[FIRST + 1 :], strict=False))


def whole_study(home: str) -> float:
    """Seconds of the command that runs the default study, the start of Ray included."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "training.tuning", "breast-cancer"],
        cwd=ROOT,
        env={**os.environ, "AIR_HOME": home},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    bare, tuned, whole = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="air-bench-") as folder:
            settings = Settings(air_home=Path(folder) / "one")
            ray_session.connect(settings)
            bare.append(bare_loop())
            tuned.append(trial_in_a_study(settings))
            import ray

            ray.shutdown()
            whole.append(whole_study(str(Path(folder) / "two")))
    ratio = statistics.median(tuned) / statistics.median(bare)
    print(f"\n{available_cpus()} cores, {rounds} round(s), median (smallest–largest)\n")
    print("| table model | seconds |\n| --- | --- |")
    print(f"| one `xgboost.train` of the defaults in a bare loop | {spread(bare, 4)} |")
    print(f"| the same as a trial of a study, one at a time | {spread(tuned, 4)} |")
    print(f"| default study of 50 trials, from command to end (aim: under {AIM_S}) | {spread(whole, 1)} |")
    print(f"\ncost of a trial ÷ bare loop: {ratio:.2f}")


if __name__ == "__main__":
    main()
