"""Run a Ray Train trainer: its workers' resources, the storage of a run's state, retries, and errors."""

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
    """The ScalingConfig for ``num_workers`` workers, each with its own GPU if ``gpu`` is true.

    Each requests one of Ray's CPUs, or less where all of them together would take more than
    ``AIR_DATA_CPU_SHARE`` leaves: otherwise a data task could wait for a CPU for ever. It also requests
    ``AIR_TRAIN_MEMORY_MB`` of memory. Raises ConfigError when Ray has less than that. An autoscaling cluster
    (``AIR_NODES_BY_LOAD``) adds a node only for work that does not fit, so there each worker requests a whole CPU.
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
            f"than the {has.get('memory', 0) / 1024**2:.0f} MB that Ray has; use fewer workers, or less memory each."
        )
    gpus = has.get("GPU", 0)
    if gpu and num_workers > gpus and not settings.air_nodes_by_load:
        raise ConfigError(
            f"num_workers: each of {num_workers} workers needs its own GPU, and Ray has {gpus:.0f}; use fewer workers."
        )
    resources |= ({"memory": memory} if memory else {}) | ({"GPU": 1} if gpu else {})
    return ScalingConfig(num_workers=num_workers, use_gpu=gpu, resources_per_worker=resources)


def lone_worker_options(settings: Settings, scaling: Any) -> dict[str, Any]:
    """Ray's options for the actor of a training with one worker, which requests the resources of ``scaling``.

    Where nodes share no storage, it runs on the job's node if possible, so that its state is found again. Not on an
    autoscaling cluster, where it would wait for this very node.
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
    """A new, unique name of a run."""
    return uuid.uuid4().hex[:12]


def run_config(settings: Settings, model: str, name: str) -> Any:
    """The RunConfig of one run, which keeps its last checkpoint.

    A run with the ``name`` of an earlier one resumes from its last checkpoint.
    """
    from ray.train import CheckpointConfig, FailureConfig, RunConfig

    return RunConfig(
        name=f"{model}-{name}",
        **run_storage(settings),
        checkpoint_config=CheckpointConfig(num_to_keep=1),
        # Ray Train would retry after any error; ``fit`` knows which errors would only repeat.
        failure_config=FailureConfig(max_failures=0, controller_failure_limit=0),
    )


def run_storage(settings: Settings) -> dict[str, Any]:
    """``storage_path`` and ``storage_filesystem`` of Ray Train's runs, where every node of a cluster writes."""
    runs = storage.source_of(settings, "runs") if settings.air_storage else str(settings.air_home / "runs")
    filesystem, path = storage.filesystem_of(runs)
    return {"storage_path": path, "storage_filesystem": filesystem}


def forget(settings: Settings, model: str, name: str) -> None:
    """Delete the state from which a run would resume, now that its version is registered; reports a failure."""
    where = run_storage(settings)
    try:
        where["storage_filesystem"].delete_dir(f"{where['storage_path']}/{model}-{name}")
    except FileNotFoundError:  # trained in the job's own process, which keeps none
        return
    except Exception as error:  # of any file system; the version is registered anyway
        print(
            f"The state of the finished run {model}-{name} was not deleted from {where['storage_path']}: {error}",
            flush=True,
        )


def fit(attempt: Callable[[], Any], restarts: int) -> Any:
    """Call ``attempt``, a trainer's ``fit``; when workers die, retry from the last checkpoint ``restarts`` times.

    Raises a worker's TrainingError unchanged and without a retry, anything else as one sentence.
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
            print(f"A worker died ({_first_line(causes[0])}); continuing from the last epoch.", flush=True)
        finally:
            # Ray Train leaves its own handler installed, which would treat Ctrl-C as meant for the ended run.
            if on_interrupt is not None and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, on_interrupt)


def _causes(error: Any) -> list[BaseException]:
    """The root cause in each worker, or in Ray Train's controller."""
    failures = getattr(error, "worker_failures", None)
    failed = list(failures.values()) if failures else [getattr(error, "controller_failure", error)]
    return [root_cause(failure) for failure in failed]


def _hopeless(cause: BaseException) -> TrainingError | None:
    """The error to raise if a retry would fail again, else None."""
    return cause if isinstance(cause, TrainingError) else disk_full(cause)


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip()[:300]}" if lines else type(error).__name__
