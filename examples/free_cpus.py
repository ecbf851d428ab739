"""A training that takes every CPU, so that the data tasks it waits for never start; and what prevents it.

The chapter: ``ScalingConfig(_max_cpu_fraction_per_node=0.8)`` kept CPUs free for Ray Data. Today: that is gone. A CPU
is only a number by which Ray places work, so a worker requests less of it: ``resources_per_worker={"CPU": 1}`` here,
also a part of one. ``materialize()`` before ``fit`` needs no data tasks at all. On a cluster, labels keep both apart:
``ScalingConfig(label_selector=…)`` and ``ExecutionOptions(label_selector=…)``.
Look at: the same training on two CPUs, twice. Ray reports no error the first time, it waits.
"""

from __future__ import annotations

from pathlib import Path

from examples import start_ray

ROWS, CPUS = 1000, 2


def train_loop(config: dict) -> int:
    """Read this worker's rows as a training does; how many there were in the time given."""
    from threading import Thread

    from ray.train import get_dataset_shard

    shard, found = get_dataset_shard("train"), []
    reader = Thread(target=lambda: found.extend(len(batch["id"]) for batch in shard.iter_batches()), daemon=True)
    reader.start()
    reader.join(config["seconds"])
    return sum(found)


def main() -> None:
    """Train twice on a Ray of two CPUs."""
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    start_ray(own=True, num_cpus=CPUS)
    try:
        ScalingConfig(num_workers=1, _max_cpu_fraction_per_node=0.8)
    except TypeError as error:
        print(f"the chapter's setting: {str(error).partition('() ')[2]}")
    for cpus, seconds in ((2, 3), (1, 120)):
        result = DataParallelTrainer(
            train_loop,
            train_loop_config={"seconds": seconds},
            scaling_config=ScalingConfig(num_workers=1, resources_per_worker={"CPU": cpus}),
            datasets={"train": ray.data.range(ROWS)},
            run_config=RunConfig(storage_path=str(Path.cwd() / "runs")),
        ).fit()
        print(f"a worker that requests {cpus} of {CPUS} CPUs: it read {result.return_value} rows")


if __name__ == "__main__":
    main()
