"""Seconds and memory that a large table takes: its profile, and the training of a model on it.

    python -m benchmarks.large_table [ROWS]

The table has 30 columns (20 of numbers with gaps, 3 of whole numbers, 4 of categories, a date, a text, the target);
a million rows of it are some 300 MB. As a CSV file it is profiled, added as a model and trained; as Parquet it is
profiled. Each is a program of its own, whose memory (with Ray's processes, each shared page once) is looked at every
two seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.harness import memory
from settings import ROOT

ROWS = 1_000_000
# Looking takes a tenth of a second: the kernel walks through every page.
NAME, LOOK_S = "large", 2.0
# For two cores.
PROFILE_S, TRAIN_S, MOST_MIB = 30, 120, 4096
PROFILE = """\
import sys
from pathlib import Path
from training.datasets.profile import tables
tables.profile(Path(sys.argv[1]))
"""


@dataclass(frozen=True)
class Took:
    """What a program took: seconds, and MiB of memory at its largest."""

    seconds: float
    mib: int


def table(rows: int) -> pa.Table:
    """The table; equal numbers of rows give equal tables."""
    dice = np.random.default_rng(0)
    columns: dict[str, np.ndarray | pa.Array] = {}
    for i in range(20):
        gaps = dice.random(rows) < 0.02 * (i % 3)
        columns[f"number {i}"] = pa.array(np.round(dice.normal(size=rows) * 100, 4), mask=gaps)
    for i in range(3):
        columns[f"count {i}"] = dice.integers(0, 1_000, rows)
    for i in range(4):
        names = pa.array([f"category {j}" for j in range(5 * 10**i)])
        columns[f"choice {i}"] = names.take(pa.array(dice.integers(0, len(names), rows)))
    columns["day"] = np.datetime64("2020-01-01") + dice.integers(0, 2_000, rows)
    texts = pa.array([f"a text of some words with the number {i}" for i in range(20_000)])
    columns["text"] = texts.take(pa.array(dice.integers(0, len(texts), rows)))
    # There is something to learn: a training that finds nothing stops early.
    columns["target"] = np.where(columns["count 0"] + dice.normal(size=rows) * 200 > 700, "yes", "no")
    return pa.table(columns)


def took(command: list[str], environment: dict[str, str]) -> Took:
    """Run a Python program to its end. Raises CalledProcessError when it fails."""
    began, most = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=said, stderr=said)
        while process.poll() is None:
            most = max(most, memory.together(_with_children(process.pid)))
            time.sleep(LOOK_S)
        seconds = time.perf_counter() - began
        said.seek(0)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command, said.read())
    return Took(seconds, most)


def _with_children(pid: int) -> list[psutil.Process]:
    """A process and all below it; none once it has ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def main(arguments: list[str]) -> int:
    """Print a row for each step; 1 when one takes longer, or more memory, than it may."""
    rows = int(arguments[0]) if arguments else ROWS
    met = True
    print("| step | MB | seconds | MiB |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"AIR_HOME": f"{folder}/home"}
        csv, parquet = Path(folder, "table.csv"), Path(folder, "table.parquet")
        made = table(rows)
        pyarrow.csv.write_csv(made, csv)
        pq.write_table(made, parquet)
        del made
        steps = [
            ("profile, .csv", csv, ["-c", PROFILE, str(csv)], PROFILE_S),
            ("profile, .parquet", parquet, ["-c", PROFILE, str(parquet)], PROFILE_S),
            ("add, .csv", csv, ["-m", "training.add", str(csv), "--name", NAME], 2 * PROFILE_S),
            ("train, .csv", csv, ["-m", "training", NAME], TRAIN_S),
        ]
        for name, file, command, seconds in steps:
            found = took(command, environment)
            print(f"| {name} | {file.stat().st_size / 1e6:.0f} | {found.seconds:.1f} | {found.mib} |", flush=True)
            met &= found.seconds <= seconds and found.mib <= MOST_MIB
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
