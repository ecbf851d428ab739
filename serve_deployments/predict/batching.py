"""Greedy batching: whatever is waiting when the model becomes free goes in one batch.

It never waits for more requests, so one client gets the model's own latency and many get its throughput.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from serve_deployments.http.errors import Busy

T = TypeVar("T")


class GreedyBatcher:
    """Runs ``predict`` (a batch of rows in, as many rows out) in one thread, a batch at a time."""

    def __init__(
        self,
        predict: Callable[[np.ndarray], np.ndarray],
        max_batch: int,
        max_waiting: int,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        self.predict = predict
        self._on_batch = on_batch
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[np.ndarray, asyncio.Future]] = deque()
        self.waiting_rows = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._running: asyncio.Task | None = None

    async def submit(self, rows: np.ndarray) -> np.ndarray:
        """The predictions of ``rows``. Raises Busy when ``max_waiting`` rows wait already."""
        if self.waiting_rows + len(rows) > self._max_waiting and self._waiting:
            raise Busy("More requests are waiting than can be answered soon; try again in a second.")
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        self.waiting_rows += len(rows)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def after(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function in the thread of the batches, after those that already wait; returns its result."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                taken = self._take()
                try:
                    rows = np.concatenate([rows for rows, _ in taken]) if len(taken) > 1 else taken[0][0]
                    if self._on_batch is not None:
                        self._on_batch(len(rows))
                    answers = await loop.run_in_executor(self._thread, self.predict, rows)
                except Exception as error:
                    _fail(taken, error)
                    continue
                start = 0
                for rows, future in taken:
                    if not future.done():
                        future.set_result(answers[start : start + len(rows)])
                    start += len(rows)
        finally:
            self._running = None

    def _take(self) -> list[tuple[np.ndarray, asyncio.Future]]:
        """The oldest waiting requests whose rows fit in one batch, at least one; cancelled ones are dropped."""
        taken, size = [], 0
        while self._waiting and (not taken or size + len(self._waiting[0][0]) <= self._max_batch):
            rows, future = self._waiting.popleft()
            self.waiting_rows -= len(rows)
            taken.append((rows, future))
            size += len(rows)
        return taken


def _fail(taken: list[tuple[np.ndarray, asyncio.Future]], error: Exception) -> None:
    for _, future in taken:
        if not future.done():
            future.set_exception(error)
