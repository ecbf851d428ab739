"""``make doctor`` names what would keep AIR Studio from running, and how to fix it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from benchmarks.harness.running_app import free_port
from settings import ROOT
from tests.helpers.repository import cluster_files


@pytest.fixture
def port() -> int:
    """A port that is free, with those behind it."""
    return free_port()


@pytest.fixture
def environment(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of this process: a valid AIR_HOME and port, and no other setting."""
    for name in list(os.environ):
        if name.startswith(("AIR_", "CIFAR10_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AIR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIR_PORT", str(port))
    return monkeypatch


@pytest.fixture
def doctor(environment: pytest.MonkeyPatch) -> Any:
    """The program as a module, with no demands on memory and disk space for packages."""
    module = cluster_files.program("doctor")
    module.MIN_MEMORY = module.PACKAGES = 0
    environment.setenv("AIR_OBJECT_STORE_MB", "1")
    return module


@pytest.fixture
def lines(doctor: Any, capsys: pytest.CaptureFixture[str]) -> Callable[[int], list[str]]:
    """Runs the program, which must return this status; gives what it prints."""

    def run(status: int) -> list[str]:
        assert doctor.main() == status
        return capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def wrong(lines: Callable[[int], list[str]]) -> Callable[[], str]:
    """Runs the program; gives the one line about what is wrong."""

    def run() -> str:
        [line] = [line for line in lines(1) if line.startswith("WRONG")]
        return line

    return run


@pytest.mark.usefixtures("environment")
def test_nothing_is_wrong_with_this_machine(tmp_path: Path, small_cifar10: Path) -> None:
    """-I: the program needs nothing but the standard library."""
    asked = subprocess.run(
        [sys.executable, "-I", "cluster/doctor.py"],
        cwd=ROOT,
        env={**os.environ, "CIFAR10_DIR": str(small_cifar10)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert "No problem found" in asked.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("environment")
def test_make_doctor_needs_no_environment() -> None:
    command = ["make", "doctor", f"PYTHON={Path(sys.executable).resolve()}"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert asked.returncode == 0, asked.stdout + asked.stderr


@pytest.mark.parametrize("offset", [0, 2, 4])
def test_a_taken_port_is_named_with_another_to_take(
    doctor: Any, wrong: Callable[[], str], port: int, monkeypatch: pytest.MonkeyPatch, offset: int
) -> None:
    monkeypatch.setattr(doctor, "ANSWER_S", 0.1)  # this program never answers
    with socket.create_server(("127.0.0.1", port + offset)):
        line = wrong()
    assert f"port {port + offset} is taken" in line
    assert f"AIR_PORT={port + 100} make run" in line


def test_a_port_of_another_protocol_is_taken(wrong: Callable[[], str], port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as other:
        other.settimeout(30)

        def greet() -> None:
            with other.accept()[0] as client:
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        Thread(target=greet, daemon=True).start()
        line = wrong()
    assert f"port {port} is taken" in line


@pytest.mark.parametrize("name", ["AIR_PORT", "AIR_FALLBACK_PORT"])
def test_a_port_that_is_no_number_is_named(
    wrong: Callable[[], str], environment: pytest.MonkeyPatch, name: str
) -> None:
    environment.setenv(name, "web")
    assert f"{name} is 'web'; a number from 1024 to 60000 is needed" in wrong()


def test_a_missing_cifar10_is_named(wrong: Callable[[], str], environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder, complaint in ((tmp_path / "gone", "is not a folder"), (tmp_path, "does not hold CIFAR-10")):
        environment.setenv("CIFAR10_DIR", str(folder))
        line = wrong()
        assert f"CIFAR10_DIR ({folder}) {complaint}" in line
        assert "Parquet" in line


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this system has no /dev/shm, and needs none")
def test_little_shared_memory_is_named_with_the_option_of_a_container(
    wrong: Callable[[], str], environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("AIR_OBJECT_STORE_MB", "1000000000")  # no machine has that
    line = wrong()
    assert re.search(r"/dev/shm has \d+ MB free; Ray's objects need 1000000000 MB and would go to disk", line)
    assert "--shm-size=1000000512m" in line


def test_a_home_that_cannot_be_written_is_named(
    wrong: Callable[[], str], environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    environment.setenv("AIR_HOME", str(tmp_path / "file" / "home"))
    assert f"AIR_HOME ({tmp_path}/file/home) is not writable: Not a directory" in wrong()


def test_a_full_disk_is_named(doctor: Any, wrong: Callable[[], str], tmp_path: Path) -> None:
    doctor.MIN_DISK = 2**80  # no disk has that
    sentence = rf"the disk of AIR_HOME \({tmp_path}/home\) has \d+ MB free, {2**60} MB are needed"
    assert re.search(sentence, wrong())


@pytest.mark.parametrize(
    ("name", "value"), [("AIR_PORT", "http"), ("AIR_PORT", "80"), ("AIR_OBJECT_STORE_MB", "1GB"), ("AIR_CPUS", "0")]
)
def test_an_invalid_setting_is_named(
    wrong: Callable[[], str], environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    assert f"{name} is '{value}'" in wrong()


@pytest.fixture
def one_core() -> Iterator[None]:
    """Leaves this thread one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot restrict cores")
@pytest.mark.usefixtures("one_core")
def test_a_single_core_is_noted_and_is_no_obstacle(lines: Callable[[int], list[str]]) -> None:
    assert any(line.startswith("note   1 core:") for line in lines(0))
