"""Running a Ray Train trainer: what its workers ask for, where a run keeps its state, what is tried again.

Also what is said when it fails.
"""

from __future__ import annotations

import math
import signal
import threading
import uuid
from collections.abc import Callable
from typing import Any

from models.artifact import storage
from settings import Settings
from training.runs.errors import ConfigError, TrainingError, disk_full, root_cause


def scaling_config(settings: Settings, num_workers: int, gpu: bool = False) -> Any:
    """The ScalingConfig of ``num_workers`` workers, each with a GPU of its own where ``gpu`` is true.

    Each asks for one of Ray's CPUs, or for less where all of them together would take more than
    ``AIR_DATA_CPU_SHARE`` leaves: a data task that finds no CPU would be waited for without end. It asks for
    ``AIR_TRAIN_MEMORY_MB`` of memory too. Raises ConfigError when there is not so much. A cluster that starts
    nodes for what waits (``AIR_NODES_BY_LOAD``) is asked for a whole CPU each: a worker that fits starts none.
    """
    import ray
    from ray.train import ScalingConfig

    has = ray.cluster_resources()
    shared = has.get("CPU", 0) * (1 - settings.air_data_cpu_share) / num_workers
    hundredths = 100 if settings.air_nodes_by_load else min(100, max(1, math.floor(round(100 * shared, 6))))
    resources: dict[str, float] = {"CPU": hundredths / 100}
    memory = settings.air_train_memory_mb * 1024**2
    if num_workers * memory > has.get("memory", 0) and not settings.air_nodes_by_load:
        raise ConfigError(
            f"num_workers: {num_workers} workers of {settings.air_train_memory_mb} MB (AIR_TRAIN_MEMORY_MB) are more "
            f"than the {has.get('memory', 0) / 1024**2:.0f} MB that Ray has; take fewer, or ask for less memory."
        )
    gpus = has.get("GPU", 0)
    if gpu and num_workers > gpus and not settings.air_nodes_by_load:
        raise ConfigError(
            f"num_workers: each of {num_workers} workers takes a GPU of its own, and Ray has {gpus:.0f}; take fewer."
        )
    resources |= ({"memory": memory} if memory else {}) | ({"GPU": 1} if gpu else {})
    return ScalingConfig(num_workers=num_workers, use_gpu=gpu, resources_per_worker=resources)


def lone_worker_options(settings: Settings, scaling: Any) -> dict[str, Any]:
    """How Ray makes the actor of a training with one worker, which asks for what ``scaling`` says.

    Where nodes share no storage it runs beside the job, if that can be: its state is then found again. Not where
    load starts nodes: it would wait for this one.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    wanted = scaling.resources_per_worker
    options = {"num_cpus": wanted["CPU"], "num_gpus": wanted.get("GPU", 0), "memory": wanted.get("memory")}
    if settings.air_storage or settings.air_nodes_by_load:
        return options
    here = ray.get_runtime_context().get_node_id()
    return options | {"scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=True)}


def new_run_name() -> str:
    """A name that no run had yet."""
    return uuid.uuid4().hex[:12]


def run_config(settings: Settings, model: str, name: str) -> Any:
    """The RunConfig of one run, its last checkpoint kept.

    A run of a ``name`` that was there before goes on from its last checkpoint.
    """
    from ray.train import CheckpointConfig, FailureConfig, RunConfig

    return RunConfig(
        name=f"{model}-{name}",
        **run_storage(settings),
        checkpoint_config=CheckpointConfig(num_to_keep=1),
        # Ray Train would try again whatever went wrong; ``fit`` knows what would only go wrong again.
        failure_config=FailureConfig(max_failures=0, controller_failure_limit=0),
    )


def run_storage(settings: Settings) -> dict[str, Any]:
    """``storage_path`` and ``storage_filesystem`` of Ray Train's runs: every node of a cluster writes there."""
    runs = storage.source_of(settings, "runs") if settings.air_storage else str(settings.air_home / "runs")
    filesystem, path = storage.filesystem_of(runs)
    return {"storage_path": path, "storage_filesystem": filesystem}


def forget(settings: Settings, model: str, name: str) -> None:
    """Delete what a run would go on from, now that its version is registered; says so where that fails."""
    where = run_storage(settings)
    try:
        where["storage_filesystem"].delete_dir(f"{where['storage_path']}/{model}-{name}")
    except FileNotFoundError:  # trained in the job's own process, which keeps none
        return
    except Exception as error:  # a file system of any kind; the version is there all the same
        print(f"The state of the finished run {model}-{name} stays in {where['storage_path']}: {error}", flush=True)


def fit(attempt: Callable[[], Any], restarts: int) -> Any:
    """``attempt()``, a trainer's ``fit``; when workers die, again from the last checkpoint, ``restarts`` times.

    Raises the TrainingError of a worker as it is and at once, anything else as one sentence.
    """
    from ray.exceptions import RayError
    from ray.train.v2.api.exceptions import TrainingFailedError

    on_interrupt = signal.getsignal(signal.SIGINT)
    while True:
        try:
            return attempt()
        except (TrainingFailedError, RayError) as error:
            causes = _causes(error)
            hopeless = next(filter(None, map(_hopeless, causes)), None)
            if hopeless is not None or restarts == 0:
                raise hopeless or TrainingError(f"Training stopped: {_first_line(causes[0])}") from None
            restarts -= 1
            print(f"A worker died ({_first_line(causes[0])}); going on from the last epoch.", flush=True)
        finally:
            # Ray Train leaves its own in place, which would take Ctrl-C for a run that is over.
            if on_interrupt is not None and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, on_interrupt)


def _causes(error: Any) -> list[BaseException]:
    """What went wrong in each worker, or in Ray Train's controller, without what Ray puts around it."""
    failures = getattr(error, "worker_failures", None)
    failed = list(failures.values()) if failures else [getattr(error, "controller_failure", error)]
    return [root_cause(failure) for failure in failed]


def _hopeless(cause: BaseException) -> TrainingError | None:
    """The error to tell when it would come again."""
    return cause if isinstance(cause, TrainingError) else disk_full(cause)


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip()[:300]}" if lines else type(error).__name__
