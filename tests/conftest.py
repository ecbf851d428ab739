"""Shared by the tests of several folders: markers by folder, one small data set, Chromium.

unit/      nothing                                contract/  the API in the test's process
ui/        the page on that API, in Chromium      ray/       one Ray
app/       one running app                        proof/     kills, floods, clouds, minutes
examples/  the programs of examples/, each run as a reader runs it
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from xdist.scheduler import LoadScopeScheduling

from tests.helpers.clients.screens import BROWSER_FLAGS, DESKTOP, WAIT_MS, Complaints
from tests.helpers.install.browser import system_browser
from tests.helpers.models import IMAGES

HERE = Path(__file__).parent
ROOMS = ("unit", "contract", "ui", "ray", "app", "proof", "examples")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """No bytes in test names: those of a gzip file contain the time, and processes compare names."""
    return argname if isinstance(val, bytes) else None


def pytest_configure(config: pytest.Config) -> None:
    """A marker per folder: ``-m "unit or contract"``."""
    for room in ROOMS:
        config.addinivalue_line("markers", f"{room}: tests in tests/{room}")
    config.addinivalue_line("markers", "alone: proofs that need the machine for themselves")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the cheapest folder first; mark each test with its folder."""

    def room(item: pytest.Item) -> str:
        return item.path.relative_to(HERE).parts[0]

    items.sort(key=lambda item: ROOMS.index(room(item)))
    for item in items:
        item.add_marker(room(item))


class RoomScheduling(LoadScopeScheduling):
    """A folder goes to one process, so that its shared fixtures are made once; proofs share some within a file."""

    def _split_scope(self, nodeid: str) -> str:
        room = nodeid.split("/")[1]
        return {"examples": nodeid, "proof": nodeid.partition("::")[0]}.get(room, room)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """With ``-n 2``, two folders, files of proofs, or examples at a time."""
    return RoomScheduling(config, log)


@pytest.fixture(scope="session")
def small_cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of class folders with drawn pictures: each class has its own colour, with noise."""
    folder = tmp_path_factory.mktemp("small-cifar10")
    random = np.random.default_rng(0)
    for label, name in enumerate(IMAGES.data.labels):
        colour = np.array([(label % 3) * 100, (label // 3 % 2) * 180, (label // 6) * 200])
        for split, count in (("train", 40), ("test", 10)):
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(colour + random.normal(0, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def real_cifar10() -> Path:
    """The real CIFAR-10; only the proofs use it."""
    folder = os.environ.get("CIFAR10_DIR")
    if not folder:
        pytest.skip("CIFAR10_DIR is not set: the real CIFAR-10 images are not on this machine")
    return Path(folder)


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
    """Opens pages, each in its own browser session; fails at the end on console errors and foreign requests.

    Without animations: without a GPU they take half a machine, and axe would check colours in transition.
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
    assert complaints.found == []
