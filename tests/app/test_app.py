"""Starting and stopping the app as a person does, also when something is in the way."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from models.registry import Registry
from settings import ROOT, Settings
from tests.helpers.running_app import RunningApp, free_port


def _run(*command: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=timeout
    )


def _wait_until_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_whole_life_of_the_app(tmp_path: Path) -> None:
    """Early page, ready, kill -9, a new start on the same port and home, other versions, SIGTERM, nothing left."""
    app = RunningApp(tmp_path / "home").start(wait=False)
    early = _first_page(app)
    assert early.status_code == 503
    assert "is starting" in early.text
    app.wait_until_ready()
    assert requests.get(app.url).status_code == 200
    assert requests.get(f"{app.url}/api/readyz").json()["ready"] is True
    ready_at = float(re.search(r"\[ *([\d.]+) s\] AIR Studio is ready", app.output())[1])
    assert ready_at > 0
    killed = app.processes()
    assert len(killed) > 10
    app.stop(signal.SIGKILL)

    app.start()
    assert requests.get(f"{app.url}/api/models").json()["models"][0]["versions"][0]["version"] == "1"
    assert not _wait_until_gone([process for process in killed if process.is_running()], 30)

    _ask_other_versions(app)

    started = app.processes()
    children = psutil.Process(app.process.pid).children(recursive=True)
    assert app.stop(signal.SIGTERM) == 0
    assert not _wait_until_gone([*started, *children], 15)
    assert app.processes() == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", app.port))


def _ask_other_versions(app: RunningApp) -> None:
    """Versions registered beside the running app are seen and answer; a damaged one says what is wrong."""
    registry = Registry(Settings(air_home=app.home))
    shipped = ROOT / "models" / "pretrained" / "breast-cancer"
    for name in ("two", "three"):
        registry.register(str(shutil.copytree(shipped, app.home / "checkpoints" / "breast-cancer" / name)))
    api = f"{app.url}/api"
    row = requests.get(f"{api}/models/breast-cancer/examples?n=1&seed=1").json()["examples"][0]["row"]
    aliases = {v["version"]: v["aliases"] for v in requests.get(f"{api}/models/breast-cancer").json()["versions"]}
    assert aliases == {"3": ["challenger"], "2": [], "1": ["champion"]}

    both = requests.post(f"{api}/breast-cancer/compare", json=row).json()
    assert [both[side]["model"]["version"] for side in ("champion", "challenger")] == ["1", "3"]
    assert both["champion"]["predictions"] == both["challenger"]["predictions"]

    weights = app.home / "checkpoints" / "breast-cancer" / "two" / "booster.ubj"
    weights.write_bytes(weights.read_bytes()[:-50])
    damaged = requests.post(f"{api}/breast-cancer/predict?version=2", json=row)
    assert damaged.status_code == 409
    assert "booster.ubj has" in damaged.json()["error"]["message"]
    assert requests.post(f"{api}/breast-cancer/predict", json=row).json()["model"]["version"] == "1"


def _first_page(app: RunningApp) -> requests.Response:
    """The first thing that a browser gets, opened as early as can be."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return requests.get(app.url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(app.output())


def test_interrupt_while_starting_leaves_nothing(tmp_path: Path) -> None:
    app = RunningApp(tmp_path / "home").start(wait=False)
    deadline = time.monotonic() + 60
    while "starting Serve" not in app.output() and time.monotonic() < deadline:
        time.sleep(0.05)
    started = app.processes()
    assert app.stop(signal.SIGINT) == 0, app.output()
    assert not _wait_until_gone(started, 15)
    assert "Traceback" not in app.output()


def test_second_start_leaves_the_first_alone(app: RunningApp) -> None:
    before = {process.pid for process in app.processes()}
    ended = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=app.environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert f"AIR Studio runs already on port {app.port}" in ended.stderr
    assert requests.get(f"{app.url}/api/readyz").json()["ready"] is True
    assert before <= {process.pid for process in app.processes()}


@pytest.mark.parametrize("offset", [0, 2, 3, 4])
def test_taken_port_is_told_in_one_sentence(tmp_path: Path, offset: int) -> None:
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + offset))
        other.listen()
        ended = _run(sys.executable, "app.py", AIR_PORT=str(port), AIR_HOME=str(tmp_path))
    assert ended.returncode == 1
    assert f"Port {port + offset}" in ended.stderr
    assert "is taken by another program" in ended.stderr
    assert "AIR_PORT=" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [("AIR_PORT", "web", "AIR_PORT"), ("AIR_MODE", "secret", "AIR_MODE"), ("AIR_HOME", "/proc/nothing", "AIR_HOME")],
)
def test_wrong_setting_is_told_in_one_sentence(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    environment = {"AIR_PORT": str(free_port()), "AIR_HOME": str(tmp_path), name: value}
    ended = _run(sys.executable, "app.py", **environment)
    assert ended.returncode in (1, 2)
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_full_disk_is_told_in_one_sentence(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system to fill")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)], check=False).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        ended = _run(sys.executable, "app.py", AIR_PORT=str(free_port()), AIR_HOME=str(small / "home"))
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert ended.returncode == 1
    assert "MB free" in ended.stderr


def test_bootstrap_says_that_python_is_too_old(tmp_path: Path) -> None:
    script = (ROOT / "bootstrap.py").read_text().replace("(3, 11)", "(99, 0)")
    (tmp_path / "bootstrap.py").write_text(script)
    shutil.copy(ROOT / "requirements.txt", tmp_path)
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
    shutil.copy(ROOT / "bootstrap.py", tmp_path)
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    command = [sys.executable, "bootstrap.py"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert first.returncode == 0, first.stderr
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (again.returncode, again.stdout) == (0, "")


@pytest.mark.parametrize(("address", "loopback"), [("", "0"), ("auto", "None")])
def test_empty_ray_address_is_none_and_keeps_ray_on_loopback(address: str, loopback: str) -> None:
    script = (
        "import os, app; from settings import Settings; "
        "print(os.environ.get('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER'), Settings().ray_address)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**environment, "RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.stdout.split() == [loopback, address or "None"], ended.stderr
