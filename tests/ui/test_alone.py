"""The page in front of an API that is sometimes unavailable, and as ``python -m ui`` in its own process."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from app import build_page
from serve_deployments.schemas.base import ErrorBody, ErrorReply, Readiness
from settings import ROOT
from tests.helpers.clients.screens import IMAGE_ANSWER, TABLE_ANSWER, WAIT_MS, ask, give_picture, later, to_table
from tests.helpers.in_process.studio import Served, Studio

START_S = 60
EVERY_MS = 5_000  # as ui/look/watch.js has it


class Way(httpx.AsyncBaseTransport):
    """A page's connection to its API, closed at first; ``replies`` has status and body of canned answers."""

    def __init__(self) -> None:
        self.shut = True
        self.replies: dict[str, tuple[int, dict]] = {}
        self._onward = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The API's own answer, or the one that was set for a part of the path."""
        if self.shut:
            raise httpx.ConnectError("the way is shut")
        for part, (status, body) in self.replies.items():
            if part in request.url.path:
                return httpx.Response(status, json=body)
        return await self._onward.handle_async_request(request)


def _refusal(message: str) -> dict:
    return ErrorReply(error=ErrorBody(code="test", message=message), request_id="test").model_dump()


@pytest.fixture(scope="module")
def way() -> Way:
    """The connection from ``lone`` to the API."""
    return Way()


@pytest.fixture(scope="module")
def lone(local: Studio, way: Way) -> Iterator[str]:
    """The address of a second page for the local studio's API, which nobody has opened yet."""
    port = int(local.url.rpartition(":")[2])
    with Served(build_page(local.settings.model_copy(update={"air_port": port}), way)) as page:
        yield page.url


def test_page_opened_before_the_api_says_so_and_comes_alive(
    open_page: Callable[..., Page], lone: str, way: Way, picture: Path, http: httpx.Client
) -> None:
    page = open_page(lone)
    expect(page.locator("#air-status")).to_contain_text("The service does not answer: it is starting, or it is down.")
    expect(page.get_by_text("The examples appear as soon as the model is up.")).to_be_visible()
    give_picture(page, "air-images-picture", picture)
    expect(page.locator(IMAGE_ANSWER)).to_contain_text("Your picture is kept, and this page tries again by itself.")
    way.shut = False
    later(page)
    expect(page.locator(f"{IMAGE_ANSWER} .air-verdict strong")).to_have_text(
        ask(http, picture.read_bytes())["predictions"][0]["label"]
    )
    page.locator(".air-gallery button").first.wait_for()
    expect(page.locator("#air-status")).to_contain_text("CIFAR-10: version")
    to_table(page)
    # A second visitor, whose page had a shorter history, gets a form of the same kind.
    to_table(open_page(lone))


def test_model_that_goes_down_is_named_and_its_return_noticed(
    open_page: Callable[..., Page], lone: str, way: Way
) -> None:
    way.shut = False
    page = to_table(open_page(lone))
    way.replies = {
        "/readyz": (503, Readiness(ready=False, models={"cifar10": "ready", "breast-cancer": "starting"}).model_dump()),
        "/breast-cancer/predict": (503, _refusal("The model breast-cancer is starting.")),
    }
    page.get_by_label("mean area").fill("700")
    expect(page.locator(TABLE_ANSWER)).to_contain_text("The model breast-cancer is starting. This page tries again")
    expect(page.locator(f"{TABLE_ANSWER} .air-verdict")).to_have_count(0)
    later(page)
    expect(page.locator("#air-status")).to_contain_text("Breast cancer: starting")
    way.replies = {}
    later(page)
    page.locator(f"{TABLE_ANSWER} .air-verdict").wait_for()
    expect(page.locator("#air-status")).to_contain_text(re.compile(r"Breast cancer: version \S+, ready"))


def test_without_example_pictures_there_is_a_sentence_and_no_gallery(
    open_page: Callable[..., Page], lone: str, way: Way
) -> None:
    sentence = "There is no <b id='injected'>CIFAR-10</b> here; set CIFAR10_DIR."
    way.shut, way.replies = False, {"/models/cifar10/examples": (404, _refusal(sentence))}
    page = open_page(lone)
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.locator("#injected")).to_have_count(0)
    expect(page.locator(".air-gallery")).to_have_count(0)
    way.replies = {}


class LoneUi:
    """``python -m ui`` in front of an API."""

    def __init__(self, api: str, log: Path) -> None:
        port = _free_port()
        self.url, self._log = f"http://127.0.0.1:{port}", log
        self._command = [sys.executable, "-m", "ui", "--api", api, "--port", str(port)]

    def start(self) -> None:
        """Return when it answers."""
        with self._log.open("w") as out:
            self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_S
        while not _answers(self.url):
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def lone_ui(local: Studio, tmp_path: Path) -> Iterator[LoneUi]:
    """One that runs."""
    ui = LoneUi(f"{local.url}/api", tmp_path / "log")
    ui.start()
    yield ui
    ui.kill()


def test_page_outlives_a_restart_of_its_server(browser: Browser, lone_ui: LoneUi) -> None:
    """Its requests fail meanwhile, so this window may have console errors; its clock is advanced."""
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.clock.install()
        page.goto(lone_ui.url)
        page.locator(".air-gallery button").first.wait_for()
        lone_ui.kill()
        page.clock.fast_forward(EVERY_MS)
        banner = page.get_by_role("alert").filter(has_text="This page comes back by itself.")
        banner.wait_for()
        lone_ui.start()
        page.clock.fast_forward(EVERY_MS)
        banner.wait_for(state="detached")
        to_table(page)
