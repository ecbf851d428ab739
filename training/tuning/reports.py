"""Reports of a trial to Ray Tune after a step; the families' ``trials`` modules send them.

A trial trains in its own process, without Ray Train: workers take seconds to start, and on a small machine trials
that wait for workers would deadlock. A process runs one trial after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ray import tune

from training.tuning.config import Task


@dataclass(frozen=True)
class Prepared:
    """A study's trials, ready to run: the function, its maximum steps, GPUs per trial, and the data in words.

    ``candidates`` are the parameters of all trials where no sampler draws them.
    """

    trainable: Callable[[dict[str, Any]], None]
    longest: int
    about: dict[str, str]
    gpus: float = 0
    candidates: list[dict[str, Any]] | None = None


def report(task: Task, figures: dict[str, float], step: int, steps: int, folder: str | None = None) -> None:
    """Report a step: the figures, and beside them the study's metric under its own name."""
    metric = task.search.metric
    figures = {"step": step, **figures, metric: figures[metric.replace("-", "_")]}
    reported = {metric: figures[metric], "step": step, "steps": steps, "figures": figures}
    tune.report(reported, checkpoint=tune.Checkpoint.from_directory(folder) if folder else None)
