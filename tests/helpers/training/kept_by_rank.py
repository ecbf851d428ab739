"""A training loop of tables whose workers each keep what they learned.

Tests replace the loop by ``train_loop_kept_in(folder)``; workers import it from here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray.train

from models.table.learners.layers import Layers
from training.table import learners
from training.table.learners import History, Problem
from training.table.workers import train_loop


def train_loop_kept_in(folder: Path) -> Callable[[dict[str, Any]], None]:
    """The loop; each worker writes its layers into a folder of its rank in ``folder``."""
    return partial(_train_loop, folder)


def assert_learned_as_one(folder: Path) -> None:
    """Two workers, each with its own half of the rows, have the same layers: they averaged their gradients."""
    first, second = (Layers.load(folder / rank).layers for rank in ("0", "1"))
    np.testing.assert_equal(first, second)


def _train_loop(folder: Path, config: dict[str, Any]) -> None:
    fit = learners.fit

    def kept(problem: Problem) -> tuple[Layers, History]:
        learner, history = fit(problem)
        own = folder / str(ray.train.get_context().get_world_rank())
        own.mkdir()
        learner.save(own)
        return learner, history

    learners.fit = kept
    train_loop(config)
