"""The Retrain screen in real Chromium: train, watch, compare, put into service, take back; and who may not.

`public_app`, `admin`, `app` and `browser` come from conftest.py.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests import versions
from tests.conftest import ADMIN_TOKEN
from ui.client import ApiError, Client
from ui.visitor import headers_for_change

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WAIT_MS, DONE_MS = 40_000, 120_000
SIGN_IN_FIRST = "Sign in first: only who has the admin's token may change things here."


@pytest.fixture
def open_screen(browser):
    """Opens the screen, each time in a browser session of its own; at the end tells of console errors."""
    contexts, complaints = [], []

    def open_(url: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return _to_screen(page)

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def jobs(public_app, admin):
    """Job routes with the token; whatever a test leaves running is stopped."""
    url = f"{public_app.url}/api/jobs"
    yield url
    for job in admin.get(url).json()["jobs"]:
        if job["state"] in ("queued", "running"):
            admin.post(f"{url}/{job['id']}/cancel")


def _to_screen(page: Page) -> Page:
    page.get_by_role("tab", name="Retrain").click()
    page.locator("#air-comparison table").first.wait_for()
    page.locator("#air-preset input").first.wait_for()
    expect(page.locator("#air-job")).not_to_contain_text("as soon as the service is up")
    return page


def _button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def _sign_in(page: Page, token: str = ADMIN_TOKEN) -> None:
    page.get_by_label("Admin's token").fill(token)
    _button(page, "Sign in").click()


def _train(page: Page, model: str, option: str, value: str) -> None:
    page.get_by_label(model, exact=True).check()
    page.get_by_role("button", name="More options").click()
    page.get_by_role("textbox", name=option).fill(value)
    _button(page, "Train").click()


def _state(page: Page, text: str | re.Pattern[str], timeout: float = DONE_MS) -> None:
    expect(page.locator("#air-job .air-notice")).to_have_text(text, timeout=timeout)


def test_nothing_can_be_changed_before_signing_in(open_screen, public_app):
    page = open_screen(public_app.url)
    expect(page.locator("#air-why")).to_have_text(SIGN_IN_FIRST)
    for name in ("Train", "Take it back"):
        expect(_button(page, name)).to_be_disabled()
    _sign_in(page, "wrong")
    expect(page.get_by_text("This is not the admin's token.")).to_be_visible()
    expect(_button(page, "Train")).to_be_disabled()
    _sign_in(page)
    expect(_button(page, "Train")).to_be_enabled()
    assert ADMIN_TOKEN not in page.content() + page.url
    assert ADMIN_TOKEN not in page.evaluate("[...document.querySelectorAll('input')].map(field => field.value).join()")
    _train(page, "Images: what a picture shows", "Epochs", "0")
    expect(page.locator("#air-train-note")).to_contain_text("config.epochs: Input should be greater than or equal to 1")
    _button(page, "Sign out").click()
    expect(_button(page, "Train")).to_be_disabled()


def test_from_the_button_to_the_version_in_service_and_back(open_screen, public_app, jobs):
    page = open_screen(public_app.url)
    _sign_in(page)
    expect(_button(page, "Train")).to_be_enabled()
    _train(page, "Table: malignant or benign", "Trees", "20")
    expect(page.locator("#air-job")).to_contain_text("20 trees")
    page.reload()
    _to_screen(page)
    expect(page.locator("#air-job")).to_contain_text("20 trees")
    expect(page.get_by_label("Table: malignant or benign")).to_be_checked()
    _state(page, re.compile(r"Done: made version \d+\."))
    version = requests.get(jobs).json()["jobs"][0]["result"]["version"]
    expect(page.locator("#air-curves svg")).to_have_count(2)
    expect(page.locator("#air-comparison table.air-matrix")).to_have_count(2)
    expect(page.locator("#air-comparison .air-notice")).to_contain_text(f"Version {version} is")
    before = page.locator("#air-now strong").inner_text().split()[1]
    put = _button(page, f"Put version {version} into service")
    expect(put).to_be_disabled()
    _sign_in(page)
    page.get_by_label("Reason (may stay empty)").fill("it is <i>new</i>")
    put.click()
    expect(page.get_by_text(f"Version {version} is in service: every answer comes from it now.")).to_be_visible()
    expect(page.locator("#air-status")).to_contain_text(f"Table: version {version}, ready")
    newest = page.locator("#air-moves tbody tr").first.locator("td")
    expect(newest).to_have_text([re.compile("."), "put into service", before, version, "it is <i>new</i>"])
    _button(page, "Take it back").click()
    expect(page.get_by_text(f"Taken back: version {before} answers again.")).to_be_visible()
    expect(page.locator("#air-status")).to_contain_text(f"Table: version {before}, ready")
    expect(newest.nth(1)).to_have_text("taken back")


def test_two_browsers_watch_one_training_until_it_is_stopped(open_screen, public_app, jobs):
    page = open_screen(public_app.url)
    _sign_in(page)
    expect(_button(page, "Train")).to_be_enabled()
    _train(page, "Images: what a picture shows", "Epochs", "500")
    _state(page, "Training now.")
    other = open_screen(public_app.url)
    _state(other, "Training now.")
    expect(other.locator("#air-job")).to_contain_text("500 epochs")
    expect(_button(other, "Cancel this training")).to_be_disabled()
    page.locator("#air-curves svg").first.wait_for(timeout=DONE_MS)
    expect(page.get_by_role("progressbar")).to_be_visible()
    _button(page, "Cancel this training").click()
    _button(page, "No, go on").click()
    _button(page, "Cancel this training").click()
    _button(page, "Yes, stop it").click()
    for seen in (page, other):
        _state(seen, "Stopped.")
    expect(_button(page, "Resume where it stopped")).to_be_enabled()
    expect(_button(other, "Resume where it stopped")).to_be_disabled()


def test_gate_says_no_and_may_be_overruled(open_screen, public_app):
    worse = versions.add_shifted(public_app.home, "unfit", {"validation_accuracy": 0.4})
    page = open_screen(public_app.url)
    _sign_in(page)
    page.get_by_label("Images: what a picture shows").check()
    before = page.locator("#air-now strong").inner_text().split()[1]
    page.get_by_label("Version to compare").click()
    page.get_by_role("option", name=re.compile(rf"Version {worse}\b")).click()
    _button(page, f"Put version {worse} into service").click()
    note = page.locator("#air-move-note")
    expect(note).to_contain_text("worse by more than the 0.005 that is let pass")
    _button(page, "Promote all the same").click()
    expect(note).to_contain_text(f"Version {worse} is in service")
    expect(_button(page, "Promote all the same")).to_have_count(0)
    _button(page, "Take it back").click()
    expect(note).to_contain_text(f"Taken back: version {before} answers again.")


def test_visitor_through_a_proxy_may_only_look(open_screen, app):
    page = open_screen(app.url, extra_http_headers={"X-Forwarded-For": "192.0.2.7"})
    expect(page.locator("#air-why")).to_contain_text("You came here through a proxy")
    expect(_button(page, "Train")).to_be_disabled()
    expect(_button(open_screen(app.url), "Train")).to_be_enabled()
    for headers in ({"via": "1.1 proxy"}, {"x-real-ip": "192.0.2.7"}, {"forwarded": "for=192.0.2.7"}):
        asked = headers_for_change(Client(f"{app.url}/api"), SimpleNamespace(headers=headers), "")
        # In a thread of its own: Playwright's loop runs in this one.
        with ThreadPoolExecutor(1) as thread, pytest.raises(ApiError, match="through a proxy"):
            thread.submit(asyncio.run, asked).result()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screen_is_accessible_and_fits_a_phone(open_screen, app, scheme):
    page = open_screen(app.url, viewport=PHONE, color_scheme=scheme)
    for model in ("Table: malignant or benign", "Images: what a picture shows"):
        page.get_by_label(model, exact=True).check()
        expect(page.locator("#air-comparison .air-matrix.air-many")).to_have_count(int(model.startswith("Images")))
        found = Axe().run(page).response["violations"]
        assert [item["id"] for item in found if item["impact"] in ("serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        outside = page.evaluate(
            """[...document.querySelectorAll('.gradio-container *')].filter(element => {
                const box = element.getBoundingClientRect();
                return box.width > 1 && box.height > 1 && (box.right > innerWidth + 1 || box.left < -1);
            }).map(element => element.outerHTML.slice(0, 120))"""
        )
        assert outside == []
