"""What the tests share: one running app, one Ray, one browser, one small data set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from settings import Settings
from tests import versions
from tests.install_browser import system_browser
from tests.running_app import RunningApp
from training.datasets.cifar10 import LABELS

ADMIN_TOKEN = "a-token-for-tests"
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need an app run last: training has the machine for itself until then."""

    def when(item: pytest.Item) -> int:
        names = set(getattr(item, "fixturenames", ()))
        return 2 if "public_app" in names else 1 if {"app", "app_url"} & names else 0

    items.sort(key=when)


@pytest.fixture(scope="session")
def small_cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of class folders with drawn pictures: each class has a colour of its own, with noise."""
    folder = tmp_path_factory.mktemp("small-cifar10")
    random = np.random.default_rng(0)
    for label, name in enumerate(LABELS):
        colour = np.array([(label % 3) * 100, (label // 3 % 2) * 180, (label // 6) * 200])
        for split, count in (("train", 40), ("test", 10)):
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(colour + random.normal(0, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def real_cifar10() -> Path:
    """The real CIFAR-10; a test that needs it is skipped where there is none."""
    folder = os.environ.get("CIFAR10_DIR")
    if not folder:
        pytest.skip("CIFAR10_DIR is not set: the real CIFAR-10 images are not on this machine")
    return Path(folder)


@pytest.fixture(scope="module")
def training_settings(tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path) -> Iterator[Settings]:
    """Settings of an AIR_HOME of its own, with a Ray of its own that ends with the module."""
    import ray

    from training import ray_session

    settings = Settings(air_home=tmp_path_factory.mktemp("home"), cifar10_dir=small_cifar10)
    ray_session.connect(settings)
    yield settings
    ray.shutdown()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path) -> Iterator[RunningApp]:
    """The real app with both shipped models."""
    home = tmp_path_factory.mktemp("app") / "home"
    running = RunningApp(home, CIFAR10_DIR=os.environ.get("CIFAR10_DIR") or str(small_cifar10))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def public_app(tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path) -> Iterator[RunningApp]:
    """A second app, in public mode with an admin, for tests that change what is served or break something.

    Version 2 of its image model says the next class for each picture.
    """
    home = tmp_path_factory.mktemp("public") / "home"
    versions.add_shifted(home)
    running = RunningApp(home, AIR_MODE="public", AIR_ADMIN_TOKEN=ADMIN_TOKEN, CIFAR10_DIR=str(small_cifar10))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def admin(public_app: RunningApp) -> requests.Session:
    """A client of ``public_app`` that shows the admin's token."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {ADMIN_TOKEN}"
    return session


@pytest.fixture(scope="session")
def app_url(app: RunningApp) -> str:
    """Where the running app answers."""
    return app.url


@pytest.fixture(scope="session")
def api(app_url: str) -> str:
    """Where the running app's API answers."""
    return f"{app_url}/api"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_browser(), args=BROWSER_FLAGS)
        yield browser
        browser.close()
