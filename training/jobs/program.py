"""Run the program of a chapter's section as a job: its output is the job's log, its folder ``work/`` of the job's.

Nothing outlives a run: whatever the program started, a Ray of its own too, ends with it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from models.pictures.blocks import PNG
from settings import ROOT
from training import chapter
from training.jobs import store as jobs
from training.runs.errors import TrainingError

# Of Linux's prctl.
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# The supervisor kills a job that does not end within 4 s of its request.
STOP_S, KILL_S = 2.0, 1.0
LONGEST = 500
MAX_PICTURE_BYTES = 1_000_000
PNG_END = b"IEND\xaeB`\x82"


def run(config: chapter.RunExample, folder: Path) -> dict[str, Any]:
    """Run the program; what a job's ``result`` says of it. Raises TrainingError with its last line of errors."""
    section = chapter.sections()[config.known().name]
    work = folder / jobs.WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    _adopt_orphans()
    began = time.monotonic()
    status, last = _run(section, work)
    if status != 0:
        raise TrainingError(last or f"The program ended with status {status}.")
    return {"seconds": round(time.monotonic() - began, 1)}


def picture(folder: Path, name: str) -> bytes | None:
    """The picture that the program ``name`` has written into its job's folder; None until it is complete."""
    path = folder / jobs.WORK / f"{name}.png"
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            data = file.read(MAX_PICTURE_BYTES + 1)
    except OSError:
        return None
    complete = data.startswith(PNG) and data.endswith(PNG_END) and len(data) <= MAX_PICTURE_BYTES
    return data if complete else None


def _run(section: chapter.Section, work: Path) -> tuple[int, str]:
    """The program's exit status and its last line of errors."""
    lines = [""]
    process = subprocess.Popen(
        [sys.executable, "-m", f"examples.{section.name}"],
        cwd=work,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=_tied(),
    )
    # A thread: what the program left running may keep the pipe open after its end.
    reading = threading.Thread(target=_pass_on, args=(process, lines), daemon=True)
    reading.start()
    try:
        process.wait()
    except KeyboardInterrupt:
        # The supervisor asked the program too; let it end what it has started.
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        raise
    finally:
        _end_descendants()
        reading.join(KILL_S)
        _keep_picture(work, section.name)
    return process.returncode, lines[-1][:LONGEST]


def _environment() -> dict[str, str]:
    """The job's own, so that ``ray.init`` joins the app; but a Serve of the program's own is not behind its HAProxy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_SERVE_")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def _pass_on(process: subprocess.Popen, lines: list[str]) -> None:
    """Copy the program's errors to the log; the last line that says something stays in ``lines``."""
    for line in process.stderr or ():
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        text = line.decode(errors="replace").strip()
        if text:
            lines[-1] = text


def _tied() -> Callable[[], None] | None:
    """What makes a new process end with this one, however this one ends; a Ray of its own ends with it in turn."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # loaded before the fork
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _adopt_orphans() -> None:
    """What a program leaves running becomes a child of this process, which ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_descendants() -> None:
    """Kill all descendants, those too that lose their parent meanwhile."""
    while found := psutil.Process().children(recursive=True):
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if not psutil.wait_procs(found, KILL_S)[0]:
            return


def _keep_picture(work: Path, name: str) -> None:
    """Delete all that the program wrote but its picture."""
    for path in work.iterdir():
        if path.name == f"{name}.png":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
