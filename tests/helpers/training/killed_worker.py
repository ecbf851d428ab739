"""A training loop whose worker is killed once in the middle.

Tests replace the training loop by ``train_loop_killed_at(...)``; workers import it from here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ray.train

from training.image.learner import Learner
from training.image.worker import train_loop


def train_loop_killed_at(epoch: int, killed: Path) -> Callable[[dict[str, Any]], None]:
    """The loop; the worker of the highest rank kills itself at the start of ``epoch``, and writes its pid to a file.

    The state of the epoch before has been saved by then; while the file exists, no worker is killed again.
    """
    return partial(_train_loop, epoch, killed)


def _train_loop(fatal: int, killed: Path, config: dict[str, Any]) -> None:
    context = ray.train.get_context()
    learn = Learner.epoch

    def epoch(self: Learner, number: int, *arguments: Any) -> dict[str, float]:
        if number == fatal and context.get_world_rank() + 1 == context.get_world_size() and not killed.exists():
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return learn(self, number, *arguments)

    Learner.epoch = epoch  # type: ignore[method-assign]
    train_loop(config)
