"""Training actors that take every CPU, so that the data tasks they wait for never start; and what prevents it.

The chapter: ``ScalingConfig(_max_cpu_fraction_per_node=0.8)`` kept CPUs free for Ray Data. Today: that is gone. A CPU
is only a number by which Ray places work, so the workers request less of it: ``resources_per_worker={"CPU": 0.5}``,
or fewer workers. ``materialize()`` before ``fit`` needs no data tasks at all. On a cluster, labels keep both apart:
``ScalingConfig(label_selector=…)`` and ``ExecutionOptions(label_selector=…)``.
Look at: the same training on two CPUs, twice. Ray reports no error the first time, it waits.
"""

from __future__ import annotations

from pathlib import Path

from examples import start_ray

ROWS, WORKERS = 1000, 2


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

    start_ray(own=True, num_cpus=WORKERS)
    try:
        ScalingConfig(num_workers=WORKERS, _max_cpu_fraction_per_node=0.8)
    except TypeError as error:
        print(f"the chapter's setting: {str(error).partition('() ')[2]}")
    for cpus, seconds in ((1, 4), (0.5, 120)):
        result = DataParallelTrainer(
            train_loop,
            train_loop_config={"seconds": seconds},
            scaling_config=ScalingConfig(num_workers=WORKERS, resources_per_worker={"CPU": cpus}),
            datasets={"train": ray.data.range(ROWS)},
            run_config=RunConfig(storage_path=str(Path.cwd() / "runs")),
        ).fit()
        print(f"{WORKERS} workers of {cpus} CPU on {WORKERS} CPUs: the first one read {result.return_value} rows")


if __name__ == "__main__":
    main()
