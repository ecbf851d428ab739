"""An app that is killed, or stopped during its start: what is left, and a new start on the same port and home."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import psutil
import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from tests.helpers.clients.processes import wait_until_gone

pytestmark = pytest.mark.alone


def test_killed_app_starts_again_on_the_same_port_and_home(tmp_path: Path) -> None:
    """kill -9, a new start, SIGTERM: no process is left of either, and the port is free."""
    app = RunningApp(tmp_path / "home").start()
    killed = app.processes()
    assert len(killed) > 10
    app.stop(signal.SIGKILL)

    app.start()
    assert requests.get(f"{app.url}/api/models").json()["models"][0]["versions"][0]["version"] == "1"
    assert wait_until_gone([process for process in killed if process.is_running()], 30) == []

    started = [*app.processes(), *psutil.Process(app.process.pid).children(recursive=True)]
    assert app.stop(signal.SIGTERM) == 0
    assert wait_until_gone(started, 15) == []
    assert app.processes() == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", app.port))


def test_interrupt_while_starting_leaves_nothing(tmp_path: Path) -> None:
    app = RunningApp(tmp_path / "home").start(wait=False)
    deadline = time.monotonic() + 120
    while "starting Serve" not in app.output():
        assert time.monotonic() < deadline, app.output()
        time.sleep(0.05)
    started = app.processes()
    assert app.stop(signal.SIGINT) == 0, app.output()
    assert wait_until_gone(started, 15) == []
    assert "Traceback" not in app.output()
