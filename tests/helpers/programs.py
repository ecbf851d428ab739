"""Runs a program of ``examples/`` as a reader does: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from settings import ROOT

TIMEOUT_S = 300


def run_example(name: str, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The ended program, which ran in ``folder`` and without the settings of an AIR Studio around it."""
    usual = {key: value for key, value in os.environ.items() if not key.startswith(("AIR_", "RAY_", "MLFLOW_"))}
    return subprocess.run(
        [sys.executable, "-m", f"examples.{name}", *arguments],
        cwd=folder,
        env=usual | {"PYTHONPATH": str(ROOT), "AIR_HOME": str(folder / "home")} | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def output_of(name: str, folder: Path, *arguments: str, **environment: str) -> list[str]:
    """The lines that a program prints when it succeeds."""
    ended = run_example(name, folder, *arguments, **environment)
    assert ended.returncode == 0, ended.stderr[-4000:]
    # On a machine that is busy, Ray says here how slowly its processes start.
    return [line for line in ended.stdout.splitlines() if "(raylet)" not in line]
