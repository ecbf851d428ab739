"""Steps of ``cluster/prove_ray_up.py``: wait for something, expect it, report it. Standard library only."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# Per step, on a busy machine; on a quiet one a step takes a tenth of it.
LIMIT_S = 400.0
BEGAN = time.monotonic()


def processes(*words: str) -> list[str]:
    """Command lines with one of these words, of all namespaces, which are all below this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if line and process.name != str(os.getpid()) and (not words or any(word in line for word in words)):
                found.append(line[:120])
    return found


def tail(path: Path) -> str:
    """The end of a file that may not be there yet."""
    return path.read_text()[-2000:] if path.exists() else ""


def wait(done: Callable[[], bool], complaint: str | Callable[[], str], seconds: float = LIMIT_S) -> None:
    """Return when ``done``; end the proof with the complaint when that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            if done():
                return
        if time.monotonic() > deadline:
            fail(f"after {seconds:.0f} s {complaint if isinstance(complaint, str) else complaint()}")
        time.sleep(0.5)


def expect(seen: bool, complaint: str) -> None:
    """End the proof unless ``seen``."""
    if not seen:
        fail(complaint)


def fail(sentence: str) -> None:
    """End the proof."""
    raise SystemExit(f"error: {sentence}")


def say(text: str) -> None:
    """Print a line with the seconds since the proof began."""
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {text}", flush=True)
