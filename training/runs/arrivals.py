"""Folders of files that people send: they arrive hidden, get their name when they are complete, and end unused.

Uploads for a batch prediction and datasets use it.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

# As long as an upload is kept that nobody uses.
KEPT_UNUSED_S = 3600.0


def arrive(root: Path) -> Path:
    """A new, empty folder below ``root`` that only this user can read, for files that are on their way."""
    root.mkdir(parents=True, exist_ok=True)
    folder = root / f".{secrets.token_hex(6)}"
    folder.mkdir(mode=0o700)
    return folder


def sweep(root: Path, in_use: Iterable[str] = ()) -> None:
    """Delete the folders below ``root`` that are older than KEPT_UNUSED_S and not in use."""
    for folder in root.glob("*") if root.is_dir() else ():
        with suppress(OSError):
            if folder.name not in in_use and time.time() - folder.stat().st_mtime > KEPT_UNUSED_S:
                shutil.rmtree(folder, ignore_errors=True)
