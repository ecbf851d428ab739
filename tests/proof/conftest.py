"""Running apps that tests may break: one in local mode, one in public mode with an admin; one at a time.

A proof about an app has the machine for itself (marker ``alone``), since it measures what others would slow down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from tests.helpers.clients.screens import ADMIN_TOKEN
from tests.helpers.samples import versions

HERE = Path(__file__).parent
STARTS = {"start_app", "site_below_a_path"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Proofs that share an app run together, and alone; those without one come first."""

    def when(item: pytest.Item) -> int:
        names = set(getattr(item, "fixturenames", ()))
        return 3 if "public_app" in names else 2 if "app" in names else 1 if names & STARTS else 0

    proofs = [place for place, item in enumerate(items) if item.path.parent == HERE]
    for item in (items[place] for place in proofs):
        if when(item):
            item.add_marker("alone")
    for place, item in zip(proofs, sorted((items[place] for place in proofs), key=when), strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def start_app() -> Iterator[Callable[[RunningApp], RunningApp]]:
    """Starts an app that proofs share, after the previous one has ended: two at a time would be slow."""
    with ExitStack() as running:

        def start(app: RunningApp) -> RunningApp:
            running.close()
            running.callback(app.stop)
            return app.start()

        yield start


@pytest.fixture(scope="session")
def app(
    tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path, start_app: Callable[[RunningApp], RunningApp]
) -> RunningApp:
    """An app in local mode, until a test requests ``public_app``."""
    return start_app(RunningApp(tmp_path_factory.mktemp("app") / "home", CIFAR10_DIR=str(small_cifar10)))


@pytest.fixture(scope="session")
def public_app(
    tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path, start_app: Callable[[RunningApp], RunningApp]
) -> RunningApp:
    """An app in public mode. Version 2 of its image model answers the next class for each picture."""
    home = tmp_path_factory.mktemp("public") / "home"
    versions.add_shifted(home)
    return start_app(RunningApp(home, AIR_MODE="public", AIR_ADMIN_TOKEN=ADMIN_TOKEN, CIFAR10_DIR=str(small_cifar10)))


@pytest.fixture(scope="session")
def admin(public_app: RunningApp) -> requests.Session:
    """A client of ``public_app`` with the admin's token."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {ADMIN_TOKEN}"
    return session


@pytest.fixture
def jobs(public_app: RunningApp, admin: requests.Session) -> Iterator[str]:
    """The job routes of ``public_app``; jobs that a test leaves running are stopped."""
    url = f"{public_app.url}/api/jobs"
    yield url
    for job in admin.get(url).json()["jobs"]:
        if job["state"] in ("queued", "running"):
            admin.post(f"{url}/{job['id']}/cancel")
