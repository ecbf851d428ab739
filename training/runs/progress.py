"""Progress of a training: from the worker to the driver, and on the terminal.

The worker pushes to a ``Board``, an actor that reserves no CPU; the driver reads the board while
``fit()`` blocks, draws a bar with ETA and passes each finished epoch to a callback.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
from tqdm import tqdm

Epoch = dict[str, float]
# In this stage a job can no longer be stopped: it is short, and leaves a complete version or none.
REGISTERING = "registering"


@ray.remote(num_cpus=0)
class Board:
    """The progress of a run: ``done`` of ``total`` steps, words beside the bar, figures of finished epochs."""

    def __init__(self) -> None:
        self._now: dict[str, Any] = {"done": 0, "total": 0, "note": {}}
        self._epochs: dict[int, Epoch] = {}

    def step(self, done: int, total: int, note: dict[str, str]) -> None:
        """Set the position of the bar."""
        self._now = {"done": done, "total": total, "note": note}

    def epoch(self, number: int, figures: Epoch) -> None:
        """Record the figures of an epoch; a resumed run may record one again."""
        self._epochs[number] = figures

    def read(self) -> tuple[dict[str, Any], dict[int, Epoch]]:
        """The position and every finished epoch."""
        return self._now, self._epochs


class Listener:
    """Receives progress; this base class ignores it. ``training.jobs.runner`` has one that records it."""

    def stage(self, name: str) -> None:
        """A stage begins; ``name`` is its name in words."""

    def step(self, done: int, total: int, note: dict[str, str]) -> None:
        """``done`` of ``total`` steps are done."""

    def epoch(self, number: int, figures: Epoch) -> None:
        """An epoch or round has ended with these figures."""


@contextmanager
def shown(
    title: str, on_epoch: Callable[[int, Epoch], None], listener: Listener, quiet: bool = False
) -> Iterator[ray.actor.ActorHandle]:
    """Yield a board for the worker; until the block ends, draw it on the terminal and report to ``listener``.

    ``on_epoch`` is called with the figures of each finished epoch. ``quiet`` omits the line per epoch,
    for runs with hundreds of short ones.
    """
    board = Board.remote()
    ended = threading.Event()
    bar = tqdm(total=1, desc=title, unit="step", mininterval=1.0, dynamic_ncols=True, leave=True)
    seen: set[int] = set()

    def refresh() -> None:
        now, epochs = ray.get(board.read.remote())
        if now["total"]:
            if bar.total != now["total"]:
                bar.reset(now["total"])  # the clock of the ETA starts with the first step, not with the start-up
            bar.set_postfix(now["note"], refresh=False)
            bar.update(now["done"] - bar.n)
            listener.step(now["done"], now["total"], now["note"])
        for number in sorted(set(epochs) - seen):
            on_epoch(number, epochs[number])
            listener.epoch(number, epochs[number])
            seen.add(number)
            if not quiet:
                bar.write(f"epoch {number + 1}: " + "  ".join(f"{k} {v:.4g}" for k, v in epochs[number].items()))

    def watch() -> None:
        failed = ""
        while not ended.wait(0.5):
            try:
                refresh()
            # A server or database that receives progress may fail for a while; the training continues.
            except Exception as error:
                if str(error) != failed:
                    failed = str(error)
                    bar.write(f"Progress could not be reported ({type(error).__name__}: {failed[:200]}); retrying.")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield board
    finally:
        ended.set()
        watcher.join(timeout=10)
        try:
            refresh()
        finally:
            bar.close()
            ray.kill(board)
