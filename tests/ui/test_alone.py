"""The user interface alone, in front of an API that comes and goes, in real Chromium.

`http`, `picture`, `open_page`, `app_url` and `browser` come from conftest.py.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from settings import ROOT
from tests.conftest import WAIT_MS
from tests.helpers.screens import IMAGE_ANSWER, TABLE_ANSWER, ask, give_picture, to_table


class Gate(ThreadingHTTPServer):
    """Forwards to the real API, or answers in its stead: `replies` maps a part of a path to (status, body)."""

    daemon_threads = True

    def __init__(self, upstream: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Forward)
        self.upstream = upstream
        self.replies: dict[str, tuple[int, dict]] = {}


class _Forward(BaseHTTPRequestHandler):
    server: Gate

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def _answer(self, body: bytes | None) -> None:
        own = next((reply for part, reply in self.server.replies.items() if part in self.path), None)
        if own is None:
            headers = {"content-type": self.headers.get("content-type", "application/json")}
            url = self.server.upstream + self.path
            reply = httpx.request(self.command, url, content=body, headers=headers, timeout=30, trust_env=False)
            status, content = reply.status_code, reply.content
        else:
            status, content = own[0], json.dumps(own[1]).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _refusal(message: str) -> dict:
    return {"error": {"code": "test", "message": message}, "request_id": "test"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LoneUi:
    """`python -m ui` in front of an API port where nothing listens at first."""

    def __init__(self, log: Path) -> None:
        self.api_port, port = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        api = f"http://127.0.0.1:{self.api_port}/api"
        self.command = [sys.executable, "-m", "ui", "--api", api, "--port", str(port)]

    def start(self) -> None:
        with self.log.open("w") as out:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not _answers(self.url):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def lone_ui(tmp_path_factory):
    ui = LoneUi(tmp_path_factory.mktemp("ui") / "log")
    ui.start()
    yield ui
    ui.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def gate(lone_ui, app_url):
    """Opens the gate when called."""
    gates = []

    def open_() -> Gate:
        gates.append(Gate(app_url, lone_ui.api_port))
        threading.Thread(target=gates[-1].serve_forever, daemon=True).start()
        return gates[-1]

    yield open_
    for opened in gates:
        opened.shutdown()
        opened.server_close()


def test_page_opened_before_the_api_says_so_and_comes_alive(open_page, lone_ui, gate, picture, http):
    page = open_page(lone_ui.url)
    expect(page.locator("#air-status")).to_contain_text("The service does not answer: it is starting, or it is down.")
    expect(page.get_by_text("The examples appear as soon as the image model is up.")).to_be_visible()
    give_picture(page, "air-picture", picture)
    expect(page.locator(IMAGE_ANSWER)).to_contain_text("Your picture is kept, and this page tries again by itself.")
    gate()
    expect(page.locator(f"{IMAGE_ANSWER} .air-verdict strong")).to_have_text(
        ask(http, picture.read_bytes())["predictions"][0]["label"]
    )
    page.locator(".air-gallery button").first.wait_for()
    expect(page.locator("#air-status")).to_contain_text("Images: version")
    to_table(page)
    # A second visitor, whose page had a shorter history, gets a form of the same kind.
    to_table(open_page(lone_ui.url))


def test_model_that_goes_down_is_named_and_its_return_noticed(open_page, lone_ui, gate):
    opened = gate()
    page = to_table(open_page(lone_ui.url))
    down = _refusal("The model breast-cancer is starting.")
    opened.replies = {
        "/readyz": (503, {"ready": False, "models": {"cifar10": "ready", "breast-cancer": "starting"}}),
        "/breast-cancer/predict": (503, down),
    }
    page.get_by_label("mean area").fill("700")
    expect(page.locator(TABLE_ANSWER)).to_contain_text("The model breast-cancer is starting. This page tries again")
    expect(page.locator(f"{TABLE_ANSWER} .air-verdict")).to_have_count(0)
    expect(page.locator("#air-status")).to_contain_text("Table: starting")
    opened.replies = {}
    page.locator(f"{TABLE_ANSWER} .air-verdict").wait_for()
    expect(page.locator("#air-status")).to_contain_text(re.compile(r"Table: version \S+, ready"))


def test_without_example_pictures_there_is_a_sentence_and_no_gallery(open_page, lone_ui, gate):
    sentence = "There is no <b id='injected'>CIFAR-10</b> here; set CIFAR10_DIR."
    gate().replies = {"/models/cifar10/examples": (404, _refusal(sentence))}
    page = open_page(lone_ui.url)
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.locator("#injected")).to_have_count(0)
    expect(page.locator(".air-gallery")).to_have_count(0)


def test_page_outlives_a_restart_of_its_server(browser, lone_ui, gate):
    gate()
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(lone_ui.url)
        page.locator(".air-gallery button").first.wait_for()
        lone_ui.kill()
        banner = page.get_by_role("alert").filter(has_text="This page comes back by itself.")
        banner.wait_for()
        lone_ui.start()
        banner.wait_for(state="detached")
        to_table(page)
