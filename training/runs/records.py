"""Folders of AIR_HOME that one process writes while others read: ids, atomic files, growing files of lines.

Jobs, studies, uploads and corrections use it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

# A name that cannot leave its folder, and is short enough for any disk.
ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}")


def new_id(now: datetime) -> str:
    """An id that sorts by time."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically: a reader sees the old content or the new."""
    half = path.with_name(f".{path.name}.half")
    half.write_text(text)
    half.replace(path)


def write_json(path: Path, content: Any) -> None:
    """``write_whole`` of JSON."""
    write_whole(path, json.dumps(content))


def read_json(path: Path) -> dict[str, Any]:
    """A file's content; empty when the file does not exist."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The complete lines of JSON of a file that may be growing; none when it does not exist."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)
