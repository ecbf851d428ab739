"""Running a Ray Train trainer: what its workers ask for, where it keeps its state, and what is said when it fails."""

from __future__ import annotations

import math
import uuid
from typing import Any

from settings import Settings
from training.errors import ConfigError, TrainingError


def scaling_config(settings: Settings, num_workers: int, gpu: bool = False) -> Any:
    """The ScalingConfig of ``num_workers`` workers, each with a GPU of its own where ``gpu`` is true.

    Each asks for one of Ray's CPUs, or for less where all of them together would take more than
    ``AIR_DATA_CPU_SHARE`` leaves: a data task that finds no CPU would be waited for without end. It asks for
    ``AIR_TRAIN_MEMORY_MB`` of memory too. Raises ConfigError when there is not so much.
    """
    import ray
    from ray.train import ScalingConfig

    has = ray.cluster_resources()
    shared = has.get("CPU", 0) * (1 - settings.air_data_cpu_share) / num_workers
    hundredths = min(100, max(1, math.floor(round(100 * shared, 6))))
    resources: dict[str, float] = {"CPU": hundredths / 100}
    memory = settings.air_train_memory_mb * 1024**2
    if num_workers * memory > has.get("memory", 0):
        raise ConfigError(
            f"num_workers: {num_workers} workers of {settings.air_train_memory_mb} MB (AIR_TRAIN_MEMORY_MB) are more "
            f"than the {has.get('memory', 0) / 1024**2:.0f} MB that Ray has; take fewer, or ask for less memory."
        )
    resources |= ({"memory": memory} if memory else {}) | ({"GPU": 1} if gpu else {})
    return ScalingConfig(num_workers=num_workers, use_gpu=gpu, resources_per_worker=resources)


def run_config(settings: Settings, model: str, restarts: int, name: str | None) -> Any:
    """The RunConfig of one run: its last checkpoint kept, ``restarts`` of its workers.

    A run of a ``name`` that was there before goes on from its last checkpoint; without one it is new.
    """
    from ray.train import CheckpointConfig, FailureConfig, RunConfig

    return RunConfig(
        name=f"{model}-{name or uuid.uuid4().hex[:12]}",
        storage_path=str(settings.air_home / "runs"),
        checkpoint_config=CheckpointConfig(num_to_keep=1),
        failure_config=FailureConfig(max_failures=restarts, controller_failure_limit=0),
    )


def fit(trainer: Any) -> Any:
    """``trainer.fit()``. Raises the TrainingError of a worker as it is, anything else as one sentence."""
    from ray.train.v2.api.exceptions import TrainingFailedError, WorkerGroupError

    try:
        return trainer.fit()
    except WorkerGroupError as error:
        causes = [getattr(failure, "cause", failure) for failure in error.worker_failures.values()]
        known = next((cause for cause in causes if isinstance(cause, TrainingError)), None)
        raise known or TrainingError(f"Training stopped: {_first_line(causes[0])}") from None
    except TrainingFailedError as error:
        raise TrainingError(f"Training stopped: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip()[:300]}" if lines else type(error).__name__
