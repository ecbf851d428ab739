"""Running a Ray Train trainer, with the worker's own sentence in place of Ray's chain of errors."""

from __future__ import annotations

from typing import Any

from training.errors import TrainingError


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
