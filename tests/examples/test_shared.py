"""What all programs of ``examples/`` share: the sentence for a missing package, and for missing pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import examples
from settings import Settings


def test_missing_package_is_one_sentence_and_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/anywhere/examples/modin_on_ray.py"])
    with pytest.raises(SystemExit) as ended:
        examples.need("no_such_module", "Modin")
    assert ended.value.code == 'examples.modin_on_ray needs Modin: run "make extras" first.'
    examples.need("json", "JSON")


def test_missing_pictures_are_one_sentence_and_status_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    monkeypatch.setattr(examples, "get_settings", lambda: Settings(cifar10_dir=nowhere))
    with pytest.raises(SystemExit) as ended:
        examples.cifar10()
    assert str(ended.value.code).startswith(f"CIFAR10_DIR is {nowhere}, which is no folder. Set CIFAR10_DIR to ")


def test_programs_import_nothing_heavy_before_they_run() -> None:
    """The page shows their docstrings, and a missing package is said at once."""
    script = "import sys, examples; print(sorted({'ray', 'torch', 'mlflow'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")
