"""A full disk, a read-only disk and little shared memory, really mounted: reported by the doctor and at a start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.running_app import free_port
from settings import ROOT

DOCTOR = f"{sys.executable} -I cluster/doctor.py"


def _can_mount() -> bool:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not _can_mount(), reason="needs root and unshare for a mount of its own")


def _run(mount: str, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with this mounted, invisible to other processes."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIR_", "CIFAR10_"))}
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o {mount} && exec {program}"],
        cwd=ROOT,
        env={**own, "AIR_PORT": str(free_port()), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def _wrong(asked: subprocess.CompletedProcess[str]) -> str:
    """The doctor's one line about what is wrong."""
    assert asked.returncode == 1, asked.stdout + asked.stderr
    [line] = [line for line in asked.stdout.splitlines() if line.startswith("WRONG")]
    return line


def test_little_shared_memory_is_named_with_the_option_of_a_container(tmp_path: Path) -> None:
    line = _wrong(_run("size=64m none /dev/shm", DOCTOR, AIR_HOME=str(tmp_path)))
    assert "/dev/shm has 64 MB free" in line
    assert "--shm-size" in line


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    line = _wrong(_run(f"ro none {tmp_path}", DOCTOR, AIR_HOME=str(tmp_path / "home")))
    assert f"AIR_HOME ({tmp_path}/home) is not writable: Read-only file system" in line


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    line = _wrong(_run(f"size=100m none {tmp_path}", DOCTOR, AIR_HOME=str(tmp_path)))
    assert "has 100 MB free" in line


def test_a_start_on_a_full_disk_is_refused_in_one_sentence(tmp_path: Path) -> None:
    ended = _run(f"size=1m none {tmp_path}", f"{sys.executable} app.py", AIR_HOME=str(tmp_path / "home"))
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert "MB free" in line
