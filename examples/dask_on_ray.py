"""Let Ray compute a Dask data frame, and train on it.

The chapter: ``enable_dask_on_ray()`` makes Ray the scheduler of Dask, and ``ray.data.from_dask`` turns the partitions
into the blocks of a Dataset. Today: the same two calls.
Look at: the partitions become as many blocks, and the training has the AUC that pandas alone gives.
"""

from __future__ import annotations

import warnings

from examples import CSV, need, start_ray
from examples.same_model import ADDED, compare


def main() -> None:
    """Read and complete the rows in Dask, then train on them in Ray."""
    need("dask", "Dask")
    import dask.dataframe as dd
    import ray
    from ray.util.dask import disable_dask_on_ray, enable_dask_on_ray

    start_ray()
    # Ray uses an older name of one of Dask's settings.
    warnings.filterwarnings("ignore", category=FutureWarning, module="dask.config")
    enable_dask_on_ray()
    frame = dd.read_csv(CSV, blocksize="50kB")
    frame = frame.assign(**{ADDED: frame["worst area"] / frame["mean area"]})
    print(f"Dask: {frame.npartitions} partitions, mean of {ADDED}: {frame[ADDED].mean().compute():.4f}")
    dataset = ray.data.from_dask(frame)
    disable_dask_on_ray()
    compare(dataset)


if __name__ == "__main__":
    main()
