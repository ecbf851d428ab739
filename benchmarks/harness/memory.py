"""The memory of several processes together."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import psutil


def together(processes: Iterable[psutil.Process]) -> int:
    """The memory of different processes in MiB; a page that several share counts once. One that has ended has none."""
    total = 0
    for process in set(processes):
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total // 2**20
