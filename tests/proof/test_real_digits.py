"""All of scikit-learn's digits as pictures in class folders, trained as a person would, by the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from models.artifact import checkpoint
from settings import ROOT
from tests.helpers.samples import digits

HANGS_AFTER_S = 1_800


def test_digits_are_told_apart(tmp_path: Path) -> None:
    digits.write(tmp_path)
    command = [sys.executable, "-m", "training", digits.NAME, "--preset", "quick"]
    environment = os.environ | {"AIR_HOME": str(tmp_path)}
    environment.pop("RAY_ADDRESS", None)
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=HANGS_AFTER_S, check=False
    )
    assert ended.returncode == 0, ended.stderr
    folder = next((tmp_path / "checkpoints" / digits.NAME).iterdir())
    metadata = checkpoint.read_metadata(folder)
    assert metadata.metrics["validation_accuracy"] >= 0.97
    assert metadata.data["rows"] == {"train": 1_078, "validation": 360, "test": 359}
