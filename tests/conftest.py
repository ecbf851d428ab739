"""What the tests share: one running app, one Ray, one browser, one small data set."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from settings import Settings
from tests.helpers import versions
from tests.helpers.install_browser import system_browser
from tests.helpers.running_app import RunningApp
from training.datasets.cifar10 import LABELS

ADMIN_TOKEN = "a-token-for-tests"
DESKTOP = {"width": 1280, "height": 900}
WAIT_MS = 40_000
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
    """Tests that need an app run last, and each app's together: training has the machine for itself until then."""

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
def start_app() -> Iterator[Callable[[RunningApp], RunningApp]]:
    """Starts an app that tests share, after the one before has ended: beside each other both would be slow."""
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
    """The real app with both shipped models, until ``public_app`` is asked for."""
    home = tmp_path_factory.mktemp("app") / "home"
    return start_app(RunningApp(home, CIFAR10_DIR=os.environ.get("CIFAR10_DIR") or str(small_cifar10)))


@pytest.fixture(scope="session")
def public_app(
    tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path, start_app: Callable[[RunningApp], RunningApp]
) -> RunningApp:
    """A second app, in public mode with an admin, for tests that change what is served or break something.

    Version 2 of its image model says the next class for each picture.
    """
    home = tmp_path_factory.mktemp("public") / "home"
    versions.add_shifted(home)
    return start_app(RunningApp(home, AIR_MODE="public", AIR_ADMIN_TOKEN=ADMIN_TOKEN, CIFAR10_DIR=str(small_cifar10)))


@pytest.fixture(scope="session")
def admin(public_app: RunningApp) -> requests.Session:
    """A client of ``public_app`` that shows the admin's token."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {ADMIN_TOKEN}"
    return session


@pytest.fixture
def jobs(public_app: RunningApp, admin: requests.Session) -> Iterator[str]:
    """The job routes of ``public_app``; whatever a test leaves running is stopped."""
    url = f"{public_app.url}/api/jobs"
    yield url
    for job in admin.get(url).json()["jobs"]:
        if job["state"] in ("queued", "running"):
            admin.post(f"{url}/{job['id']}/cancel")


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
        expect.set_options(timeout=WAIT_MS)
        browser = playwright.chromium.launch(executable_path=system_browser(), args=BROWSER_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a browser session of its own; at the end tells of console errors and of foreign requests.

    Without motion: drawn without a GPU, it takes half a machine, and axe finds colours that are on their way.
    """
    contexts, complaints = [], Complaints()

    def open_(url: str, **options: Any) -> Page:
        granted = ["clipboard-read", "clipboard-write"]
        usual = {"viewport": DESKTOP, "permissions": granted, "reduced_motion": "reduce"}
        context = browser.new_context(**usual | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        complaints.watch(page, url)
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints.told == []


class Complaints:
    """What pages complained of, and requests that they sent to another host than their own.

    A page that is being left has its requests cut off, by the browser or, just before, by Gradio itself
    (`Client.close`), which it complains of; that is not told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self._left: set[Page] = set()

    def watch(self, page: Page, url: str) -> None:
        """Listen to a page that belongs to ``url``."""
        page.on("console", lambda line: self._add(page, line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self._add(page, str(error)))
        page.on("request", lambda request: self._sent(page, request, url))
        page.on("framenavigated", lambda frame: self._left.discard(page) if frame == page.main_frame else None)

    def _add(self, page: Page, text: str) -> None:
        if text.startswith("AbortError") and ".close " in text:
            self._left.add(page)
        if page not in self._left:
            self.told.append(text)

    def _sent(self, page: Page, request: Request, url: str) -> None:
        if request.is_navigation_request() and request.frame == page.main_frame:
            self._left.add(page)
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(url).netloc:
            self.told.append(f"request to another host: {request.url}")


@pytest.fixture(scope="module")
def http(app_url: str) -> Iterator[httpx.Client]:
    """A client of the running app's API."""
    with httpx.Client(base_url=f"{app_url}/api", timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def images(open_page: Callable[..., Page], app_url: str) -> Page:
    """The Images screen with its examples."""
    page = open_page(app_url)
    page.locator(".air-gallery button").first.wait_for()
    return page


@pytest.fixture
def example(http: httpx.Client) -> dict[str, Any]:
    """A validation picture with its true label."""
    return http.get("/models/cifar10/examples", params={"n": 1}).json()["examples"][0]


@pytest.fixture
def picture(example: dict[str, Any], tmp_path: Path) -> Path:
    """The same as a file with an awkward name."""
    path = tmp_path / 'Émile\'s "cat" {0} 😀.png'
    path.write_bytes(base64.b64decode(example["image"]))
    return path
