"""A short-lived cache of an answer that many clients read: many readers cost no more than one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The last answer; readers wait for a fetch that is in progress."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._last: T | None = None
        self._began = self._changed = float("-inf")

    async def get(self, fetch: Callable[[], Awaitable[T]], seconds: float) -> T:
        """An answer that is at most ``seconds`` old, and newer than the last ``forget``."""
        async with self._lock:
            now = time.monotonic()
            if now - self._began > seconds or self._began <= self._changed:
                self._last = await fetch()
                self._began = now
            return self._last

    def forget(self) -> None:
        """Invalidate the last answer and any fetch in progress."""
        self._changed = time.monotonic()
