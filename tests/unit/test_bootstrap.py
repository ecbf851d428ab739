"""``bootstrap.py``, which makes the environment for ``make run``: an old Python, and interrupted installations."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from settings import ROOT


def test_bootstrap_says_that_python_is_too_old(tmp_path: Path) -> None:
    script = (ROOT / "bootstrap.py").read_text().replace("(3, 11)", "(99, 0)")
    (tmp_path / "bootstrap.py").write_text(script)
    for name in ("requirements.txt", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    ended = subprocess.run(
        [sys.executable, "bootstrap.py"],
        cwd=tmp_path,
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1
    assert "needs Python 3.11 or newer" in ended.stderr
    assert not (tmp_path / ".venv").exists()


def test_half_made_environment_is_finished(tmp_path: Path) -> None:
    script = (ROOT / "bootstrap.py").read_text().replace("9 * 1024**3", "0")  # no requirements need no room
    (tmp_path / "bootstrap.py").write_text(script)
    for name in ("requirements.txt", "requirements.lock"):
        (tmp_path / name).write_text("")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    command = [sys.executable, "bootstrap.py"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert first.returncode == 0, first.stderr
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (again.returncode, again.stdout) == (0, "")


def test_extras_keep_the_locked_packages_and_go_on_without_mars(tmp_path: Path) -> None:
    """A stand-in for pip writes down what it is asked, and cannot install MARS."""
    script = (ROOT / "bootstrap.py").read_text().replace("9 * 1024**3", "0").replace("2 * 1024**3", "0")
    (tmp_path / "bootstrap.py").write_text(script)
    (tmp_path / "requirements.lock").write_text(
        "pandas==2.3.3 \\\n    --hash=sha256:00\n    # via ray\nsix==1 ; os_name == 'x'\n"
    )
    for name in ("requirements.txt", "requirements-extra.txt", "requirements-mars.txt"):
        (tmp_path / name).write_text("")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" >> asked\ncase "$*" in *mars.txt) exit 1; esac\n')
    python.chmod(0o755)
    command = [sys.executable, "bootstrap.py", "--extra"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (first.returncode, first.stderr) == (0, "")
    assert "examples.mars cannot run; everything else is installed" in first.stdout
    asked = [
        line.rpartition("--disable-pip-version-check ")[2] for line in (tmp_path / "asked").read_text().splitlines()
    ]
    keep = f"--constraint {tmp_path}/.venv/constraints.txt -r"
    assert asked[1:] == [
        "--require-hashes -r requirements.lock",
        "-r requirements.txt",
        f"{keep} requirements-extra.txt",
        f"{keep} requirements-mars.txt",
    ]
    assert (tmp_path / ".venv" / "constraints.txt").read_text() == "pandas==2.3.3\nsix==1 ; os_name == 'x'\n"
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (again.returncode, again.stdout) == (0, "")
