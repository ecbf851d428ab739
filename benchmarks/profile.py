"""Seconds and memory that the profile of a large table takes, as a CSV file and as Parquet.

    python -m benchmarks.profile [ROWS]

The table has 30 columns (20 of numbers with gaps, 3 of whole numbers, 4 of categories, a date, a text, the target);
a million rows of it are some 250 MB. Each file is read in a process of its own, whose largest memory is printed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from settings import ROOT

ROWS = 1_000_000
SECONDS, MIB = 30, 4096
LOOK = """
import resource, sys, time
from pathlib import Path
from training.datasets.profile import tables
before = time.perf_counter()
found = tables.profile(Path(sys.argv[1]))
seconds = time.perf_counter() - before
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(f"{seconds:.1f} {time.process_time():.1f} {peak} {len(found.columns)} {found.target.column}")
"""


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
    columns["target"] = np.where(dice.random(rows) < 0.3, "yes", "no")
    return pa.table(columns)


def main(arguments: list[str]) -> int:
    """Print a row for each kind of file; 1 when one takes longer, or more memory, than it may."""
    rows = int(arguments[0]) if arguments else ROWS
    met = True
    print("| file | MB | seconds | of a core | MiB | columns | target |\n| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        made = table(rows)
        csv, parquet = Path(folder, "table.csv"), Path(folder, "table.parquet")
        pyarrow.csv.write_csv(made, csv)
        pq.write_table(made, parquet)
        del made
        for file in (csv, parquet):
            command = [sys.executable, "-c", LOOK, str(file)]
            ended = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            seconds, cpu, peak, columns, target = ended.stdout.split()
            size = file.stat().st_size / 1e6
            print(f"| {file.suffix} | {size:.0f} | {seconds} | {cpu} | {peak} | {columns} | {target} |")
            met &= float(seconds) <= SECONDS and int(peak) <= MIB
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
