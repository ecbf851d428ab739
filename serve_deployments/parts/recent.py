"""An answer that many ask for, kept for a moment: those who watch cost no more than one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The last answer; who asks while another is being fetched waits for that."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._last: T | None = None
        self._began = self._changed = float("-inf")

    async def get(self, fetch: Callable[[], Awaitable[T]], seconds: float) -> T:
        """An answer that is at most so many seconds old, and younger than the last ``forget``."""
        async with self._lock:
            now = time.monotonic()
            if now - self._began > seconds or self._began <= self._changed:
                self._last = await fetch()
                self._began = now
            return self._last

    def forget(self) -> None:
        """What has been fetched, or is being fetched, is no longer true."""
        self._changed = time.monotonic()
