"""Corrections on the Images screen in real Chromium: one click, kept, listed, undone; and permissions.

The pictures are the project's own.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from settings import ROOT
from tests.helpers.clients.screens import (
    IMAGE_ANSWER,
    PHONE,
    assert_accessible,
    assert_fits,
    button,
    give_picture,
    sign_in,
    to_retrain,
)
from tests.helpers.in_process.studio import Studio
from tests.helpers.samples import pictures

SHIP = ROOT / "docs" / "example.png"
ANSWER = f"{IMAGE_ANSWER} .air-verdict strong"
SIGN_IN_THERE = "If this is wrong, sign in on the Retrain screen to correct it."


@pytest.fixture
def corrections(admin: httpx.Client) -> Iterator[str]:
    """The route of the corrections; none is kept before and after."""
    _forget_all(admin)
    yield "/corrections"
    _forget_all(admin)


def _forget_all(admin: httpx.Client) -> None:
    for correction in admin.get("/corrections").json()["corrections"]:
        assert admin.delete(f"/corrections/{correction['id']}").status_code == 200


@pytest.fixture
def signed_in(open_page: Callable[..., Page], public: Studio, corrections: str) -> Page:
    """The Images screen of somebody who has signed in."""
    return _sign_in(open_page(public.url))


def _sign_in(page: Page) -> Page:
    to_retrain(page)
    sign_in(page)
    expect(button(page, "Sign out")).to_be_visible()
    return _to_images(page)


def _to_images(page: Page) -> Page:
    page.get_by_role("tab", name="Images").click()
    page.locator(".air-gallery button").first.wait_for()
    return page


def _answer(page: Page, path: Path) -> str:
    """Give a picture; what the model says."""
    give_picture(page, "air-images-picture", path)
    page.locator(ANSWER).wait_for()
    return page.locator(ANSWER).text_content()


def _take_away(page: Page) -> None:
    page.get_by_label("Remove Image").click()
    expect(page.locator("#air-images-correct button")).to_have_count(0)
    expect(page.locator(ANSWER)).to_have_count(0)


def _other(page: Page, answered: str, place: int = 0) -> str:
    """A class that was not the answer."""
    page.locator("#air-images-correct button").first.wait_for()
    labels = page.locator("#air-images-correct button").all_text_contents()
    return [label for label in labels if label != answered][place]


def _choice(page: Page, label: str) -> Locator:
    return page.locator("#air-images-correct button", has_text=re.compile(rf"^{label}$"))


def _open_list(page: Page, count: int) -> None:
    page.get_by_role("button", name=f"Corrections ({count})").click()
    expect(page.locator(".air-corrections li")).to_have_count(count)


def _keep(admin: httpx.Client, corrections: str, data: bytes, label: str) -> str:
    wanted = {"image": base64.b64encode(data).decode(), "label": label, "answered": "cat", "version": "1"}
    reply = admin.post(corrections, json=wanted)
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def test_one_click_corrects_and_can_be_changed_and_undone_and_an_example_has_none(
    signed_in: Page, corrections: str, admin: httpx.Client
) -> None:
    page, note = signed_in, signed_in.locator("#air-images-correct-note")
    answered = _answer(page, SHIP)
    expect(page.locator("#air-images-correct button")).to_have_count(10)
    expect(_choice(page, answered)).to_be_disabled()
    first, second = _other(page, answered), _other(page, answered, 1)
    asked = page.evaluate("document.querySelector('#air-images-correct ul').dataset.asked")
    page.evaluate("document.querySelector('#air-images-correct ul').dataset.asked = '1'")
    _choice(page, first).click()
    expect(note).to_contain_text("That click was about another picture.")
    assert admin.get(corrections).json()["corrections"] == []

    page.evaluate("asked => { document.querySelector('#air-images-correct ul').dataset.asked = asked }", asked)
    _choice(page, first).click()
    expect(note).to_contain_text(re.compile(rf"Kept: it is an? {first}, not an? {answered}\."))
    expect(note).to_contain_text("It counts in the next training that learns from")
    expect(_choice(page, first)).to_have_attribute("aria-pressed", "true")
    (kept,) = admin.get(corrections).json()["corrections"]
    assert (kept["label"], kept["answered"]) == (first, answered)
    assert kept["version"] in page.locator(IMAGE_ANSWER).text_content().split("version ")[1]
    _choice(page, second).click()
    expect(note).to_contain_text(re.compile(rf"Kept: it is an? {second}"))
    _open_list(page, 1)
    expect(page.locator(".air-corrections strong")).to_have_text(f"{answered} → {second}")
    assert [item["label"] for item in admin.get(corrections).json()["corrections"]] == [second]
    button(page, "Undo").click()
    expect(note).to_have_text("Undone: nothing is kept of this picture.")
    expect(page.locator("#air-images-corrections")).to_contain_text("No answer was corrected yet.")
    expect(button(page, "Undo")).to_have_count(0)
    assert admin.get(corrections).json()["corrections"] == []

    page.locator(".air-gallery button").first.click()
    expect(page.locator(IMAGE_ANSWER)).to_contain_text("the true label of this example")
    expect(page.locator("#air-images-correct")).to_have_text("")


def test_kept_correction_is_of_the_very_picture_that_was_answered_unless_it_is_held_out(
    signed_in: Page, corrections: str, admin: httpx.Client, tmp_path: Path
) -> None:
    page, note = signed_in, signed_in.locator("#air-images-correct-note")
    first, second, held_out = (tmp_path / f"{name}.png" for name in ("first", "second", "held-out"))
    first.write_bytes(pictures.encoded(pictures.photo(32, 32, seed=1), "PNG"))
    second.write_bytes(pictures.encoded(pictures.photo(32, 32, seed=2), "PNG"))
    _answer(page, first)
    page.locator("#air-images-correct button").first.wait_for()
    _take_away(page)
    answered = _answer(page, second)
    _choice(page, _other(page, answered)).click()
    expect(note).to_contain_text("Kept:")
    (kept,) = admin.get(corrections).json()["corrections"]
    assert kept["id"] == _keep(admin, corrections, second.read_bytes(), "frog")

    _forget_all(admin)
    _take_away(page)
    held_out.write_bytes(base64.b64decode(admin.get("/models/cifar10/examples").json()["examples"][0]["image"]))
    image = base64.b64encode(held_out.read_bytes()).decode()
    refused = admin.post(corrections, json={"image": image, "label": "frog", "answered": None, "version": None})
    assert refused.status_code == 409
    answered = _answer(page, held_out)
    _choice(page, _other(page, answered)).click()
    expect(note).to_have_text(refused.json()["error"]["message"])
    expect(button(page, "Undo")).to_have_count(0)
    assert admin.get(corrections).json()["corrections"] == []


def test_who_may_change_nothing_reads_why_and_who_may_removes_one_by_a_double_click(
    open_page: Callable[..., Page], public: Studio, corrections: str, admin: httpx.Client
) -> None:
    kept = [_keep(admin, corrections, pictures.encoded(pictures.photo(seed=seed), "PNG"), "frog") for seed in (1, 2, 3)]
    page = _to_images(open_page(public.url))
    _answer(page, SHIP)
    expect(page.locator("#air-images-correct")).to_have_text(SIGN_IN_THERE)
    expect(page.locator("#air-images-correct button")).to_have_count(0)
    _open_list(page, 3)
    removing = page.locator(".air-corrections button")
    expect(removing).to_have_count(0)
    _sign_in(page)
    expect(page.locator("#air-images-correct button")).to_have_count(10)
    expect(removing).to_have_count(3)
    page.get_by_role("button", name="Remove: cat, corrected to frog").first.dblclick()
    expect(page.locator(".air-corrections li")).to_have_count(2)
    expect(page.locator("#air-images-corrections-note")).to_have_text("Removed.")
    expect(removing.first).to_be_focused()
    assert {item["id"] for item in admin.get(corrections).json()["corrections"]} == set(kept[:2])
    to_retrain(page)
    button(page, "Sign out").click()
    _to_images(page)
    expect(page.locator("#air-images-correct")).to_have_text(SIGN_IN_THERE)
    expect(removing).to_have_count(0)


def test_corrections_are_accessible_and_fit_a_phone(
    open_page: Callable[..., Page], public: Studio, corrections: str
) -> None:
    page = _sign_in(open_page(public.url, viewport=PHONE))
    answered = _answer(page, SHIP)
    choice = _choice(page, _other(page, answered))
    choice.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#air-images-correct-note")).to_contain_text("Kept:")
    expect(choice).to_be_focused()
    _open_list(page, 1)
    assert_accessible(page)
    assert_fits(page)
