"""Corrections on the Images screen in real Chromium: one click, kept, listed, undone; and who may not.

`public_app`, `admin`, `app`, `browser` and `open_page` come from conftest.py. The pictures are the project's own.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from settings import ROOT
from tests.helpers import pictures
from tests.helpers.screens import PHONE, assert_fits, button, give_picture, sign_in, to_retrain, violations

SHIP = ROOT / "docs" / "example.png"
ANSWER = "#air-image-answer .air-verdict strong"
SIGN_IN_THERE = "If this is wrong, sign in on the Retrain screen to correct it."


@pytest.fixture
def corrections(public_app, admin):
    """The address of the corrections; none is kept before and after."""
    url = f"{public_app.url}/api/corrections"
    _forget_all(admin, url)
    yield url
    _forget_all(admin, url)


@pytest.fixture
def signed_in(open_page, public_app, corrections) -> Page:
    """The Images screen of somebody who has signed in."""
    page = to_retrain(open_page(public_app.url))
    sign_in(page)
    expect(button(page, "Sign out")).to_be_visible()
    return _to_images(page)


def _forget_all(admin, url: str) -> None:
    for correction in admin.get(url).json()["corrections"]:
        assert admin.delete(f"{url}/{correction['id']}").status_code == 200


def _to_images(page: Page) -> Page:
    page.get_by_role("tab", name="Images").click()
    page.locator(".air-gallery button").first.wait_for()
    return page


def _answer(page: Page, path: Path) -> str:
    """Give a picture; what the model says."""
    give_picture(page, "air-picture", path)
    page.locator(ANSWER).wait_for()
    return page.locator(ANSWER).text_content()


def _other(page: Page, answered: str, place: int = 0) -> str:
    """A class that was not the answer."""
    page.locator("#air-correct button").first.wait_for()
    labels = page.locator("#air-correct button").all_text_contents()
    return [label for label in labels if label != answered][place]


def _choice(page: Page, label: str):
    return page.locator("#air-correct button", has_text=re.compile(rf"^{label}$"))


def _open_list(page: Page, count: int) -> None:
    page.get_by_role("button", name=f"Corrections ({count})").click()
    expect(page.locator(".air-corrections li")).to_have_count(count)


def _keep(admin, url: str, data: bytes, label: str) -> str:
    wanted = {"image": base64.b64encode(data).decode(), "label": label, "answered": "cat", "version": "1"}
    reply = admin.post(url, json=wanted)
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def test_one_click_corrects_and_can_be_changed_and_undone(signed_in, corrections, admin):
    page = signed_in
    answered = _answer(page, SHIP)
    expect(page.locator("#air-correct button")).to_have_count(10)
    expect(_choice(page, answered)).to_be_disabled()
    first, second = _other(page, answered), _other(page, answered, 1)
    _choice(page, first).click()
    expect(page.locator("#air-correct-note")).to_contain_text(
        re.compile(rf"Kept: it is an? {first}, not an? {answered}\.")
    )
    expect(page.locator("#air-correct-note")).to_contain_text("It counts in the next training that learns from")
    expect(_choice(page, first)).to_have_attribute("aria-pressed", "true")
    (kept,) = admin.get(corrections).json()["corrections"]
    assert (kept["label"], kept["answered"]) == (first, answered)
    assert kept["version"] in page.locator("#air-image-answer").text_content().split("version ")[1]
    _choice(page, second).click()
    expect(page.locator("#air-correct-note")).to_contain_text(re.compile(rf"Kept: it is an? {second}"))
    _open_list(page, 1)
    expect(page.locator(".air-corrections strong")).to_have_text(f"{answered} → {second}")
    assert [item["label"] for item in admin.get(corrections).json()["corrections"]] == [second]
    button(page, "Undo").click()
    expect(page.locator("#air-correct-note")).to_have_text("Undone: nothing is kept of this picture.")
    expect(page.locator("#air-corrections")).to_contain_text("No answer was corrected yet.")
    expect(button(page, "Undo")).to_have_count(0)
    assert admin.get(corrections).json()["corrections"] == []


def test_a_kept_correction_is_of_the_very_picture_that_was_answered(signed_in, corrections, admin, tmp_path):
    page = signed_in
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    first.write_bytes(pictures.encoded(pictures.photo(32, 32, seed=1), "PNG"))
    second.write_bytes(pictures.encoded(pictures.photo(32, 32, seed=2), "PNG"))
    _answer(page, first)
    page.locator("#air-correct button").first.wait_for()
    page.get_by_label("Remove Image").click()
    expect(page.locator("#air-correct button")).to_have_count(0)
    answered = _answer(page, second)
    _choice(page, _other(page, answered)).click()
    expect(page.locator("#air-correct-note")).to_contain_text("Kept:")
    (kept,) = admin.get(corrections).json()["corrections"]
    assert kept["id"] == _keep(admin, corrections, second.read_bytes(), "frog")


def test_a_click_about_an_earlier_answer_keeps_nothing(signed_in, corrections, admin):
    page = signed_in
    answered = _answer(page, SHIP)
    page.locator("#air-correct button").first.wait_for()
    page.evaluate("document.querySelector('#air-correct ul').dataset.asked = '1'")
    _choice(page, _other(page, answered)).click()
    expect(page.locator("#air-correct-note")).to_contain_text("That click was about another picture.")
    assert admin.get(corrections).json()["corrections"] == []


def test_an_example_cannot_be_corrected(signed_in):
    signed_in.locator(".air-gallery button").first.click()
    signed_in.locator(ANSWER).wait_for()
    expect(signed_in.locator("#air-image-answer")).to_contain_text("the true label of this example")
    expect(signed_in.locator("#air-correct")).to_have_text("")


def test_a_validation_picture_is_refused_in_the_servers_words(signed_in, corrections, admin, public_app, tmp_path):
    page = signed_in
    url = f"{public_app.url}/api/models/cifar10/examples"
    (tmp_path / "held-out.png").write_bytes(base64.b64decode(admin.get(url).json()["examples"][0]["image"]))
    image = base64.b64encode((tmp_path / "held-out.png").read_bytes()).decode()
    refused = admin.post(corrections, json={"image": image, "label": "frog", "answered": None, "version": None})
    assert refused.status_code == 409
    answered = _answer(page, tmp_path / "held-out.png")
    _choice(page, _other(page, answered)).click()
    expect(page.locator("#air-correct-note")).to_have_text(refused.json()["error"]["message"])
    expect(button(page, "Undo")).to_have_count(0)
    assert admin.get(corrections).json()["corrections"] == []


def test_a_double_click_removes_one_and_the_focus_stays_in_the_list(signed_in, corrections, admin):
    page = signed_in
    kept = [_keep(admin, corrections, pictures.encoded(pictures.photo(seed=seed), "PNG"), "frog") for seed in (1, 2, 3)]
    page.reload()
    to_retrain(page)
    sign_in(page)
    expect(button(page, "Sign out")).to_be_visible()
    _to_images(page)
    _open_list(page, 3)
    page.get_by_role("button", name="Remove: cat, corrected to frog").first.dblclick()
    expect(page.locator(".air-corrections li")).to_have_count(2)
    expect(page.locator("#air-corrections-note")).to_have_text("Removed.")
    expect(page.locator(".air-corrections button").first).to_be_focused()
    assert {item["id"] for item in admin.get(corrections).json()["corrections"]} == set(kept[:2])


def test_who_may_change_nothing_is_told_why_in_a_sentence(open_page, public_app, corrections, admin):
    _keep(admin, corrections, SHIP.read_bytes(), "truck")
    page = _to_images(open_page(public_app.url))
    _answer(page, SHIP)
    expect(page.locator("#air-correct")).to_have_text(SIGN_IN_THERE)
    expect(page.locator("#air-correct button")).to_have_count(0)
    _open_list(page, 1)
    expect(page.locator(".air-corrections button")).to_have_count(0)
    to_retrain(page)
    sign_in(page)
    expect(button(page, "Sign out")).to_be_visible()
    _to_images(page)
    expect(page.locator("#air-correct button")).to_have_count(10)
    expect(page.locator(".air-corrections button")).to_have_count(1)
    to_retrain(page)
    button(page, "Sign out").click()
    _to_images(page)
    expect(page.locator("#air-correct")).to_have_text(SIGN_IN_THERE)
    expect(page.locator(".air-corrections button")).to_have_count(0)


def test_visitor_through_a_proxy_is_offered_no_correction(open_page, app):
    page = _to_images(open_page(app.url, extra_http_headers={"X-Forwarded-For": "192.0.2.7"}))
    _answer(page, SHIP)
    expect(page.locator("#air-correct")).to_contain_text("You came here through a proxy")
    expect(page.locator("#air-correct button")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_corrections_are_accessible_and_fit_a_phone(open_page, public_app, corrections, scheme):
    page = to_retrain(open_page(public_app.url, viewport=PHONE, color_scheme=scheme))
    sign_in(page)
    expect(button(page, "Sign out")).to_be_visible()
    _to_images(page)
    answered = _answer(page, SHIP)
    choice = _choice(page, _other(page, answered))
    choice.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#air-correct-note")).to_contain_text("Kept:")
    expect(choice).to_be_focused()
    _open_list(page, 1)
    assert violations(page) == []
    assert_fits(page)
