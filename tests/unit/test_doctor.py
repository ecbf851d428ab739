"""``make doctor`` names what is in the way, on machines that are really broken that way."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from settings import ROOT
from tests.helpers.running_app import RunningApp, free_port

DOCTOR = [sys.executable, "-I", "cluster/doctor.py"]  # -I: nothing but the standard library


def _can_mount() -> bool:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


needs_mount = pytest.mark.skipif(not _can_mount(), reason="needs root and unshare for a mount of its own")


def _ask(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIR_", "CIFAR10_"))}
    return subprocess.run(command, cwd=ROOT, env=own | environment, capture_output=True, text=True, timeout=60)


def _wrong(asked: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong."""
    assert asked.returncode == 1, asked.stdout + asked.stderr
    [line] = [line for line in asked.stdout.splitlines() if line.startswith("WRONG")]
    return line


@pytest.fixture
def port() -> str:
    """A port that is free, with those behind it."""
    return str(free_port())


def test_nothing_is_wrong_with_this_machine(tmp_path: Path, port: str, small_cifar10: Path) -> None:
    asked = _ask(*DOCTOR, AIR_HOME=str(tmp_path / "home"), AIR_PORT=port, CIFAR10_DIR=str(small_cifar10))
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert "Nothing is in the way" in asked.stdout
    assert not list(tmp_path.iterdir())


def test_make_doctor_needs_no_environment(tmp_path: Path, port: str) -> None:
    asked = _ask("make", "doctor", f"PYTHON={Path(sys.executable).resolve()}", AIR_HOME=str(tmp_path), AIR_PORT=port)
    assert asked.returncode == 0, asked.stdout + asked.stderr


@pytest.mark.parametrize("offset", [0, 2, 4])
def test_a_taken_port_is_named_with_another_to_take(tmp_path: Path, port: str, offset: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(port) + offset))
        other.listen()
        line = _wrong(_ask(*DOCTOR, AIR_HOME=str(tmp_path), AIR_PORT=port))
    assert f"port {int(port) + offset} is taken" in line
    assert f"AIR_PORT={int(port) + 100} make run" in line


def test_a_port_that_speaks_something_else_is_taken(tmp_path: Path, port: str) -> None:
    with socket.create_server(("127.0.0.1", int(port))) as other:
        other.settimeout(30)

        def greet() -> None:
            with other.accept()[0] as client:
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        Thread(target=greet, daemon=True).start()
        line = _wrong(_ask(*DOCTOR, AIR_HOME=str(tmp_path), AIR_PORT=port))
    assert f"port {port} is taken" in line


@pytest.mark.parametrize("name", ["AIR_PORT", "AIR_FALLBACK_PORT"])
def test_a_port_that_is_no_number_is_named(tmp_path: Path, port: str, name: str) -> None:
    line = _wrong(_ask(*DOCTOR, **{"AIR_HOME": str(tmp_path), "AIR_PORT": port, name: "web"}))
    assert f"{name} is 'web'; a number from 1024 to 60000 is needed" in line


def test_an_app_that_runs_already_is_no_stranger(app: RunningApp, tmp_path: Path) -> None:
    asked = _ask(*DOCTOR, AIR_HOME=str(tmp_path), AIR_PORT=str(app.port))
    assert f"AIR Studio runs already: http://localhost:{app.port}" in asked.stdout
    assert asked.returncode == 0, asked.stdout


def test_pictures_that_are_none_are_named(tmp_path: Path, port: str) -> None:
    for folder, complaint in ((tmp_path / "gone", "is no folder"), (tmp_path, "holds no CIFAR-10")):
        line = _wrong(_ask(*DOCTOR, AIR_HOME=str(tmp_path), AIR_PORT=port, CIFAR10_DIR=str(folder)))
        assert f"CIFAR10_DIR ({folder}) {complaint}" in line
        assert "Parquet" in line


@needs_mount
def test_little_shared_memory_is_named_with_the_option_of_a_container(tmp_path: Path, port: str) -> None:
    script = f"mount -t tmpfs -o size=64m none /dev/shm && exec {' '.join(DOCTOR)}"
    line = _wrong(_ask("unshare", "-m", "sh", "-c", script, AIR_HOME=str(tmp_path), AIR_PORT=port))
    assert "/dev/shm has 64 MB free" in line
    assert "--shm-size" in line


@needs_mount
def test_a_home_that_cannot_be_written_is_named(tmp_path: Path, port: str) -> None:
    script = f"mount -t tmpfs -o ro none {tmp_path} && exec {' '.join(DOCTOR)}"
    line = _wrong(_ask("unshare", "-m", "sh", "-c", script, AIR_HOME=str(tmp_path / "home"), AIR_PORT=port))
    assert f"AIR_HOME ({tmp_path}/home) cannot be written: Read-only file system" in line


@needs_mount
def test_a_full_disk_is_named(tmp_path: Path, port: str) -> None:
    script = f"mount -t tmpfs -o size=100m none {tmp_path} && exec {' '.join(DOCTOR)}"
    line = _wrong(_ask("unshare", "-m", "sh", "-c", script, AIR_HOME=str(tmp_path), AIR_PORT=port))
    assert "has 100 MB free" in line


@pytest.mark.parametrize(
    ("name", "value"), [("AIR_PORT", "http"), ("AIR_PORT", "80"), ("AIR_OBJECT_STORE_MB", "1GB"), ("AIR_CPUS", "0")]
)
def test_a_setting_that_is_none_is_named(tmp_path: Path, port: str, name: str, value: str) -> None:
    line = _wrong(_ask(*DOCTOR, **{"AIR_HOME": str(tmp_path), "AIR_PORT": port, name: value}))
    assert f"{name} is '{value}'" in line


@pytest.mark.skipif(shutil.which("taskset") is None, reason="needs taskset to take cores away")
def test_a_single_core_is_noted_and_is_no_obstacle(tmp_path: Path, port: str) -> None:
    asked = _ask("taskset", "-c", "0", *DOCTOR, AIR_HOME=str(tmp_path), AIR_PORT=port)
    assert asked.returncode == 0, asked.stdout
    assert "note   1 core:" in asked.stdout
