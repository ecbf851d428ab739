"""The Retrain screen in real Chromium: train, watch, compare, put into service, take back; and who may not.

`public_app`, `admin`, `app` and `browser` come from conftest.py.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import requests
from playwright.sync_api import Page, expect

from settings import ROOT
from tests.conftest import ADMIN_TOKEN
from tests.helpers import versions
from tests.helpers.load import Load
from tests.helpers.screens import DONE_MS, PHONE, assert_fits, button, sign_in, to_retrain, unfold, violations
from ui.client import ApiError, Client
from ui.visitor import headers_for_change

PICTURE = (ROOT / "docs" / "example.png").read_bytes()
PAUSE_S = 1.0
SIGN_IN_FIRST = "Sign in first: only who has the admin's token may change things here."


@pytest.fixture
def open_screen(open_page):
    """Opens the Retrain screen."""
    return lambda url, **options: to_retrain(open_page(url, **options))


@pytest.fixture
def rows_asked(public_app):
    """Both models are asked over 16 connections while a test runs, and no prediction fails; the rows' answers."""
    api = f"{public_app.url}/api"
    row = requests.get(f"{api}/models/breast-cancer/examples?n=1").json()["examples"][0]["row"]
    picture = {"data": PICTURE, "headers": {"Content-Type": "image/png"}}
    with (
        Load(f"{api}/cifar10/predict", 8, PAUSE_S, **picture) as pictures,
        Load(f"{api}/breast-cancer/predict", 8, PAUSE_S, json=row) as rows,
    ):
        yield rows.answers
    assert pictures.failed + rows.failed == []


def _train(page: Page, model: str, option: str, value: str) -> None:
    page.get_by_role("radio", name=model, exact=True).check()
    field = page.get_by_role("textbox", name=option)
    unfold(page, "More options", field)
    field.fill(value)
    button(page, "Train").click()


def _state(page: Page, text: str | re.Pattern[str], timeout: float = DONE_MS) -> None:
    expect(page.locator("#air-job .air-notice")).to_have_text(text, timeout=timeout)


def test_nothing_can_be_changed_before_signing_in(open_screen, public_app):
    page = open_screen(public_app.url)
    expect(page.locator("#air-why")).to_have_text(SIGN_IN_FIRST)
    for name in ("Train", "Take it back"):
        expect(button(page, name)).to_be_disabled()
    sign_in(page, "wrong")
    expect(page.get_by_text("This is not the admin's token.")).to_be_visible()
    expect(button(page, "Train")).to_be_disabled()
    sign_in(page)
    expect(button(page, "Train")).to_be_enabled()
    assert ADMIN_TOKEN not in page.content() + page.url
    assert ADMIN_TOKEN not in page.evaluate("[...document.querySelectorAll('input')].map(field => field.value).join()")
    _train(page, "Images: what a picture shows", "Epochs", "0")
    expect(page.locator("#air-train-note")).to_contain_text("config.epochs: Input should be greater than or equal to 1")
    button(page, "Sign out").click()
    expect(button(page, "Train")).to_be_disabled()


def test_from_the_button_to_the_version_in_service_and_back(open_screen, public_app, jobs, rows_asked):
    page = open_screen(public_app.url)
    sign_in(page)
    expect(button(page, "Train")).to_be_enabled()
    _train(page, "Table: malignant or benign", "Trees", "20")
    expect(page.locator("#air-train-note")).to_contain_text("Asked for.")
    expect(page.locator("#air-job")).to_contain_text("20 trees")
    page.reload()
    to_retrain(page)
    expect(page.locator("#air-job")).to_contain_text("20 trees")
    expect(page.get_by_role("radio", name="Table: malignant or benign")).to_be_checked()
    _state(page, re.compile(r"Done: made version \d+\."))
    version = requests.get(jobs).json()["jobs"][0]["result"]["version"]
    expect(page.locator("#air-curves svg")).to_have_count(2)
    expect(page.locator("#air-comparison table.air-matrix")).to_have_count(2)
    expect(page.locator("#air-comparison .air-notice")).to_contain_text(f"Version {version} is")
    before = page.locator("#air-now strong").inner_text().split()[1]
    put = button(page, f"Put version {version} into service")
    expect(put).to_be_disabled()
    sign_in(page)
    page.get_by_label("Reason (may stay empty)").fill("it is <i>new</i>")
    put.click()
    expect(page.get_by_text(f"Version {version} is in service: every answer comes from it now.")).to_be_visible()
    expect(page.locator("#air-status")).to_contain_text(f"Table: version {version}, ready")
    assert rows_asked[-1].body["model"]["version"] == version
    newest = page.locator("#air-moves tbody tr").first.locator("td")
    expect(newest).to_have_text([re.compile("."), "put into service", before, version, "it is <i>new</i>"])
    button(page, "Take it back").click()
    expect(page.get_by_text(f"Taken back: version {before} answers again.")).to_be_visible()
    expect(page.locator("#air-status")).to_contain_text(f"Table: version {before}, ready")
    expect(newest.nth(1)).to_have_text("taken back")
    assert rows_asked[-1].body["model"]["version"] == before


def test_two_browsers_watch_one_training_until_it_is_stopped(open_screen, public_app, jobs, rows_asked):
    page = open_screen(public_app.url)
    sign_in(page)
    expect(button(page, "Train")).to_be_enabled()
    _train(page, "Images: what a picture shows", "Epochs", "500")
    _state(page, "Training now.")
    other = open_screen(public_app.url)
    _state(other, "Training now.")
    expect(other.locator("#air-job")).to_contain_text("500 epochs")
    expect(button(other, "Cancel this training")).to_be_disabled()
    # A training gives way to predictions, and these and two browsers want all of the machine.
    page.locator("#air-curves svg").first.wait_for(timeout=3 * DONE_MS)
    expect(page.get_by_role("progressbar")).to_be_visible()
    button(page, "Cancel this training").click()
    button(page, "No, go on").click()
    button(page, "Cancel this training").click()
    button(page, "Yes, stop it").click()
    for seen in (page, other):
        _state(seen, "Stopped.")
    expect(button(page, "Resume where it stopped")).to_be_enabled()
    expect(button(other, "Resume where it stopped")).to_be_disabled()


def test_gate_says_no_and_may_be_overruled(open_screen, public_app):
    worse = versions.add_shifted(public_app.home, "unfit", {"validation_accuracy": 0.4})
    page = open_screen(public_app.url)
    sign_in(page)
    page.get_by_role("radio", name="Images: what a picture shows").check()
    before = page.locator("#air-now strong").inner_text().split()[1]
    page.get_by_label("Version to compare").click()
    page.get_by_role("option", name=re.compile(rf"Version {worse}\b")).click()
    button(page, f"Put version {worse} into service").click()
    note = page.locator("#air-move-note")
    expect(note).to_contain_text("worse by more than the 0.005 that is let pass")
    button(page, "Promote all the same").click()
    expect(note).to_contain_text(f"Version {worse} is in service")
    expect(button(page, "Promote all the same")).to_have_count(0)
    button(page, "Take it back").click()
    expect(note).to_contain_text(f"Taken back: version {before} answers again.")


def test_visitor_through_a_proxy_may_only_look(open_screen, app):
    page = open_screen(app.url, extra_http_headers={"X-Forwarded-For": "192.0.2.7"})
    expect(page.locator("#air-why")).to_contain_text("You came here through a proxy")
    expect(button(page, "Train")).to_be_disabled()
    expect(button(open_screen(app.url), "Train")).to_be_enabled()
    for headers in ({"via": "1.1 proxy"}, {"x-real-ip": "192.0.2.7"}, {"forwarded": "for=192.0.2.7"}):
        asked = headers_for_change(Client(f"{app.url}/api"), SimpleNamespace(headers=headers), "")
        # In a thread of its own: Playwright's loop runs in this one.
        with ThreadPoolExecutor(1) as thread, pytest.raises(ApiError, match="through a proxy"):
            thread.submit(asyncio.run, asked).result()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screen_is_accessible_and_fits_a_phone(open_screen, app, scheme):
    page = open_screen(app.url, viewport=PHONE, color_scheme=scheme)
    for model in ("Table: malignant or benign", "Images: what a picture shows"):
        page.get_by_role("radio", name=model, exact=True).check()
        expect(page.locator("#air-comparison .air-matrix.air-many")).to_have_count(int(model.startswith("Images")))
        assert violations(page) == []
        assert_fits(page)
