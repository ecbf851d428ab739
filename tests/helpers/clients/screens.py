"""Actions of the tests on a page in Chromium: find things, sign in, measure, run axe."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

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
PHONE = {"width": 390, "height": 844}
DONE_MS = 120_000
REFRESH_S = 5
TICKS_MS = 3 * 1000 * REFRESH_S  # the slowest of ui/kit/clock.py
# What the choice of a model says of each.
IMAGES, TABLE = "CIFAR-10: What does a picture show?", "Breast cancer: Is this sample malignant or benign?"
IMAGE_ANSWER, TABLE_ANSWER = "#air-images-answer", "#air-table-answer"


def later(*pages: Page) -> None:
    """Make each clock tick now on those pages whose time the test controls (``page.clock.install``)."""
    for page in pages:
        page.clock.fast_forward(TICKS_MS)


def button(page: Page, name: str) -> Locator:
    """The button of exactly this name."""
    return page.get_by_role("button", name=name, exact=True)


def to_retrain(page: Page) -> Page:
    """The Retrain screen, once it has loaded the champion and the options."""
    page.get_by_role("tab", name="Retrain").click()
    page.locator("#air-comparison table").first.wait_for()
    page.locator("#air-preset input").first.wait_for()
    expect(page.locator("#air-job")).not_to_contain_text("as soon as the service is up")
    return page


def to_tuning(page: Page) -> Page:
    """The Tuning screen, once it has loaded the studies and the search space."""
    page.get_by_role("tab", name="Tuning").click()
    page.locator("#air-studies button").first.wait_for()
    page.locator("#air-tune-preset input").first.wait_for()
    return page


def to_batch(page: Page) -> Page:
    """The Batch screen, once it has loaded the batch predictions."""
    page.get_by_role("tab", name="Batch").click()
    expect(page.locator("#air-batch-job")).not_to_contain_text("as soon as the service is up")
    expect(page.locator("#air-batch-jobs")).not_to_contain_text("as soon as the service is up")
    return page


def to_cluster(page: Page) -> Page:
    """The Cluster screen, once it has loaded Ray's state."""
    page.get_by_role("tab", name="Cluster").click()
    page.locator("#air-workload-serving li").first.wait_for()
    return page


def to_chapter(page: Page) -> Page:
    """The Chapter screen, once it has loaded the sections and the latest run."""
    page.get_by_role("tab", name="Chapter").click()
    page.locator("#air-chapter-section h2").wait_for()
    expect(page.locator("#air-chapter-job")).not_to_be_empty()
    return page


def sign_in(page: Page, token: str = ADMIN_TOKEN) -> None:
    """Type the token into its field."""
    page.get_by_label("Admin's token").filter(visible=True).fill(token)
    button(page, "Sign in").click()


def unfold(page: Page, accordion: str, field: Locator) -> None:
    """Open an accordion until its field takes text: Gradio sets the fields once more in the frame after."""
    page.get_by_role("button", name=accordion).click()
    field.wait_for()
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn))))")


def compare_version(page: Page, version: str) -> None:
    """Choose the version to compare with the champion."""
    page.get_by_label("Version to compare").click()
    page.get_by_role("option", name=f"Version {version},").click()
    expect(button(page, f"Discard version {version}")).to_be_visible()


def give_picture(page: Page, field: str, path: Path) -> None:
    """Upload a file into the field of this id."""
    page.locator(f"#{field} input[type=file]").set_input_files(path)


def to_table(page: Page) -> Page:
    """The Table screen, once it shows an answer."""
    page.get_by_role("tab", name="Table").click()
    page.get_by_label("mean radius").wait_for()
    page.locator(f"{TABLE_ANSWER} .air-verdict").wait_for()
    return page


def ask(http: httpx.Client, data: bytes) -> dict:
    """The API's own answer to a picture."""
    reply = http.post("/cifar10/predict", params={"top_k": 5, "view": "true"}, files={"file": ("picture", data)})
    assert reply.status_code == 200, reply.text
    return reply.json()


def ask_row(http: httpx.Client, row: dict[str, float]) -> dict:
    """The API's own answer to a row."""
    reply = http.post("/breast-cancer/predict", params={"explain": "true"}, json=row)
    assert reply.status_code == 200, reply.text
    return reply.json()


def copied_code(page: Page) -> str:
    """The text that the visible screen's copy button copies."""
    screen = page.get_by_role("tabpanel").filter(visible=True)
    screen.get_by_role("button", name="Copy this call as Python code").click()
    page.evaluate("navigator.clipboard.writeText('')")
    screen.get_by_role("button", name="Copy", exact=True).click()
    return page.wait_for_function("navigator.clipboard.readText()").json_value()


def run(code: str, folder: Path) -> list[str]:
    """Run copied code in a folder; returns the words that it prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def violations(page: Page) -> list[str]:
    """Serious findings of axe."""
    found: dict[str, Any] = Axe().run(page).response
    return [
        f"{item['id']}: {item['nodes'][0]['html'][:200]}"
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
    ]


def assert_accessible(page: Page) -> None:
    """Axe finds nothing serious, in dark colours and in light ones."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=scheme == "dark")
        assert violations(page) == [], scheme


def assert_fits(page: Page) -> None:
    """No element is wider than the window unless it scrolls, and none is cut off by a container that hides overflow."""
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
    outside = page.evaluate(
        """[...document.querySelectorAll('.gradio-container *')].filter(element => {
            const box = element.getBoundingClientRect();
            return box.width > 1 && box.height > 1 && (box.right > innerWidth + 1 || box.left < -1)
                && !element.closest('.air-scroll-x');
        }).map(element => element.outerHTML.slice(0, 120))"""
    )
    assert outside == []


def _said(line: ConsoleMessage) -> str:
    """The text and the address of a console message."""
    return f"{line.text} {line.location['url']}"


class Complaints:
    """Console errors of pages, and their requests to other hosts.

    A page that is being left has its requests cut off, by the browser or, just before, by Gradio itself
    (`Client.close`), which it complains of; that does not count.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._left: set[Page] = set()

    def watch(self, page: Page, url: str) -> None:
        """Watch a page that belongs to ``url``."""
        page.on("console", lambda line: self._add(page, _said(line)) if line.type == "error" else None)
        page.on("pageerror", lambda error: self._add(page, str(error)))
        page.on("request", lambda request: self._sent(page, request, url))
        page.on("framenavigated", lambda frame: self._left.discard(page) if frame == page.main_frame else None)

    def _add(self, page: Page, text: str) -> None:
        if text.startswith("AbortError") and ".close " in text:
            self._left.add(page)
        if page not in self._left:
            self.found.append(text)

    def _sent(self, page: Page, request: Request, url: str) -> None:
        if request.is_navigation_request() and request.frame == page.main_frame:
            self._left.add(page)
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(url).netloc:
            self.found.append(f"request to another host: {request.url}")


def train(page: Page, model: str, option: str, value: str, preset: str = "") -> None:
    """Press Train on the Retrain screen, with one option set, of another preset than the first where one is named."""
    page.get_by_role("radio", name=model, exact=True).check()
    if preset:
        page.get_by_role("radio", name=re.compile(f"^{preset}")).check()
    field = page.get_by_role("textbox", name=option)
    unfold(page, "More options", field)
    field.fill(value)
    button(page, "Train").click()
