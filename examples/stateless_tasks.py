"""Stateless tasks: the same function on many parts of the data, in any order, on any process.

The chapter: preprocessing and batch transforms of Ray AIR are stateless tasks (``ray.remote``, under Ray Data). Today:
the same. A task gets its input by reference: ``ray.put`` stores it once, and no task on this node copies it. A task
whose process dies runs again elsewhere, since nothing was in that process.
Look at: the parts together give exactly what one process computes; which process had which part does not matter.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from examples import CSV, start_ray

PARTS = 8


def summed(rows: np.ndarray, part: int) -> tuple[int, np.ndarray, np.ndarray, int]:
    """Count, sums and sums of squares of one part of the rows, and the process that added them up."""
    mine = rows[part::PARTS]
    return len(mine), mine.sum(axis=0), (mine**2).sum(axis=0), os.getpid()


def main() -> None:
    """Mean and spread of each column, from eight tasks."""
    import ray

    start_ray()
    rows = pd.read_csv(CSV).drop(columns="target")
    task = ray.remote(summed)
    reference = ray.put(rows.to_numpy())
    counts, sums, squares, processes = zip(
        *ray.get([task.remote(reference, part) for part in range(PARTS)]), strict=True
    )

    print(f"{PARTS} tasks in {len(set(processes))} processes, none of them this one: {os.getpid() not in processes}")
    print(f"rows of each task: {list(counts)}")
    count, mean = sum(counts), sum(sums) / sum(counts)
    spread = np.sqrt(sum(squares) / count - mean**2)
    for i in range(2):
        print(f"{rows.columns[i]}: mean {mean[i]:.3f}, standard deviation {spread[i]:.3f}")
    same = np.allclose(mean, rows.mean()) and np.allclose(spread, rows.std(ddof=0))
    print(f"the same as in one process: {same}")


if __name__ == "__main__":
    main()
