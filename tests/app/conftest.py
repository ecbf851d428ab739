"""One running app for all journeys, in local mode. Version 2 of its image model says the next class.

Its AIR_HOME has a third model, which a user added (``tests.helpers.samples.wine``).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from tests.helpers.clients.processes import first_page, wait_until_gone
from tests.helpers.samples import versions, wine


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path) -> Iterator[RunningApp]:
    """The real app; ``early`` is its first answer. It must end without leaving a process behind."""
    home = tmp_path_factory.mktemp("app") / "home"
    versions.add_shifted(home)
    wine.write(home)
    app = RunningApp(home, CIFAR10_DIR=str(small_cifar10)).start(wait=False)
    app.early = first_page(app)
    app.wait_until_ready()
    yield app
    started = [*app.processes(), *psutil.Process(app.process.pid).children(recursive=True)]
    assert app.stop() == 0, app.output()
    assert wait_until_gone(started, 15) == []
    assert app.processes() == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", app.port))


@pytest.fixture(scope="session")
def api(app: RunningApp) -> str:
    """The address of its API."""
    return f"{app.url}/api"


@pytest.fixture
def jobs(app: RunningApp) -> Iterator[str]:
    """Its job routes; jobs that a test leaves running are stopped."""
    url = f"{app.url}/api/jobs"
    yield url
    for job in requests.get(url).json()["jobs"]:
        if job["state"] in ("queued", "running"):
            requests.post(f"{url}/{job['id']}/cancel")
