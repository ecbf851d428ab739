"""Calculations that take seconds and that any client may request: one at a time, equal ones only once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from serve_deployments.http.errors import Busy

MAX_WAITING = 6


class Calculations:
    """Runs calculations one after the other; requests for the same one share its result."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._open: dict[Hashable, asyncio.Task[Any]] = {}

    async def answer(self, question: Hashable, calculate: Callable[[], Awaitable[Any]]) -> Any:
        """The result of ``calculate``, which an earlier request may have started. Raises its errors; Busy."""
        task = self._open.get(question)
        if task is None:
            if len(self._open) > MAX_WAITING:
                raise Busy("Other answers are being calculated; try again in some seconds.")
            task = self._open[question] = asyncio.create_task(self._in_turn(question, calculate))
        # A cancelled request does not cancel the calculation for the others.
        return await asyncio.shield(task)

    async def _in_turn(self, question: Hashable, calculate: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with self._turn:
                return await calculate()
        finally:
            del self._open[question]
