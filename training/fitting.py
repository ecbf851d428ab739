"""Running a Ray Train trainer: where a run keeps its state, and what is said when it fails."""

from __future__ import annotations

import uuid
from typing import Any

from settings import Settings
from training.errors import TrainingError


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
