"""``make doctor`` beside a running app."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.harness.running_app import RunningApp
from settings import ROOT


def test_an_app_that_is_already_running_is_recognised(app: RunningApp, tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIR_", "CIFAR10_"))}
    asked = subprocess.run(
        [sys.executable, "-I", "cluster/doctor.py"],
        cwd=ROOT,
        env=own | {"AIR_HOME": str(tmp_path), "AIR_PORT": str(app.port)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"AIR Studio is already running: http://localhost:{app.port}" in asked.stdout
    assert asked.returncode == 0, asked.stdout
