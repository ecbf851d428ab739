"""The Python code of the README and docs/ runs as it is against the running app."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.harness.running_app import RunningApp
from settings import ROOT
from tests.helpers.repository.documents import blocks


@pytest.mark.parametrize(("name", "code"), blocks("python"))
def test_python_block_runs(app: RunningApp, name: str, code: str) -> None:
    code = code.replace("http://localhost:7860", app.url)
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()
