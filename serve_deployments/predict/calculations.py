"""What takes seconds to calculate and is asked for by anybody: one at a time, and the same question once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from serve_deployments.http.errors import Busy

MAX_WAITING = 6


class Calculations:
    """Answers questions one after the other; who asks what is being answered waits for the same answer."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._open: dict[Hashable, asyncio.Task[Any]] = {}

    async def answer(self, question: Hashable, calculate: Callable[[], Awaitable[Any]]) -> Any:
        """What ``calculate`` returns, also when another asker began it. Raises what it raises; Busy."""
        task = self._open.get(question)
        if task is None:
            if len(self._open) > MAX_WAITING:
                raise Busy("Other answers are being calculated; try again in some seconds.")
            task = self._open[question] = asyncio.create_task(self._in_turn(question, calculate))
        # Whoever gives up leaves the answer to the others.
        return await asyncio.shield(task)

    async def _in_turn(self, question: Hashable, calculate: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with self._turn:
                return await calculate()
        finally:
            del self._open[question]
