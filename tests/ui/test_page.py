"""The page in real Chromium, whatever the screen: keyboard, phone, colours, headings, screenshots.

`http`, `images`, `open_page` and `app_url` come from conftest.py.
With AIR_SCREENSHOTS=1 the pictures of the README are written to docs/screenshots/.
"""

from __future__ import annotations

import os
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from settings import ROOT
from tests.conftest import DESKTOP
from tests.helpers.screens import IMAGE_ANSWER, PHONE, TABLE_ANSWER, assert_fits, to_table, violations


def test_header_names_the_versions_that_are_served(images, http):
    for model in http.get("/models").json()["models"]:
        (version,) = {replica["version"] for replica in model["serving"]}
        title = {"cifar10": "Images", "breast-cancer": "Table"}[model["name"]]
        expect(images.locator("#air-status")).to_contain_text(f"{title}: version {version}, ready")


def test_keyboard_alone_is_enough(open_page, app_url):
    page = open_page(app_url)
    page.locator(".air-gallery button").first.wait_for()
    _tab_to(page, "button[data-example]")
    page.keyboard.press("Enter")
    page.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    page.reload()
    _tab_to(page, "[role=tab][aria-selected=false]")
    page.keyboard.press("Enter")
    page.locator(f"{TABLE_ANSWER} .air-verdict").wait_for()
    page.get_by_label("mean radius").wait_for()
    _tab_to(page, "input[aria-label^='mean radius']")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("99")
    expect(page.locator(TABLE_ANSWER)).to_contain_text("mean radius lies outside")
    _tab_to(page, "input[type=range]")
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(TABLE_ANSWER)).to_contain_text("the threshold of 40 %")


def _tab_to(page: Page, selector: str, limit: int = 60) -> None:
    """Press Tab until the focus is on a matching element that is in sight."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {selector} cannot be seen"
            return
    pytest.fail(f"Tab does not lead to {selector}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_screens_are_accessible_and_in_the_right_colours(open_page, app_url, example, tmp_path, scheme):
    page = open_page(app_url, color_scheme=scheme)
    page.locator(".air-gallery button").first.click()
    page.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    page.get_by_role("button", name="Copy this call as Python code").filter(visible=True).click()
    page.locator(".air-code .cm-content").filter(visible=True).wait_for()
    brightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    assert max(brightness) < 64 if scheme == "dark" else min(brightness) > 192
    assert violations(page) == []
    to_table(page)
    page.get_by_role("button", name="Worst values").click()
    page.get_by_label("mean texture").fill("90")
    page.locator(f"{TABLE_ANSWER} .air-warning").wait_for()
    assert violations(page) == []
    page.get_by_label("mean texture").fill("")
    page.locator(f"{TABLE_ANSWER} .air-problem").wait_for()
    assert violations(page) == []


def test_page_has_a_language_and_headings_in_order(images):
    assert images.evaluate("document.documentElement.lang") == "en"
    assert images.title() == "AIR Studio"
    expect(images.get_by_text("Built with Gradio")).to_have_count(0)
    levels = images.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].filter(e => e.checkVisibility()).map(e => +e.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


def test_phone_does_not_scroll_sideways(open_page, app_url):
    page = open_page(app_url, viewport=PHONE)
    page.locator(".air-gallery button").first.click()
    page.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    page.get_by_role("button", name="Copy this call as Python code").filter(visible=True).click()
    page.locator(".air-code .cm-content").filter(visible=True).wait_for()
    assert_fits(page)
    to_table(page)
    page.get_by_role("button", name="Worst values").click()
    page.get_by_label("worst fractal dimension").wait_for()
    page.get_by_label("mean fractal dimension").fill("90")
    page.locator(f"{TABLE_ANSWER} .air-warning").wait_for()
    assert_fits(page)


def test_on_a_phone_the_answer_comes_into_sight(open_page, app_url):
    page = open_page(app_url, viewport=PHONE)
    page.locator(".air-gallery button").first.click()
    expect(page.locator(f"{IMAGE_ANSWER} .air-verdict")).to_be_in_viewport()
    to_table(page)
    page.get_by_label("mean area").scroll_into_view_if_needed()
    expect(page.locator("#air-glance")).to_be_in_viewport()
    expect(page.locator("#air-glance")).to_contain_text("probability of malignant")


def test_screenshots(open_page, app_url, tmp_path):
    """Of a picture of the project's own: those of the data set are not ours to publish."""
    folder = ROOT / "docs" / "screenshots" if os.environ.get("AIR_SCREENSHOTS") == "1" else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    page = open_page(app_url)
    page.locator(".air-gallery button, #air-examples .air-quiet").first.wait_for()
    page.locator("#air-picture input[type=file]").set_input_files(ROOT / "docs" / "example.png")
    expect(page.locator(f"{IMAGE_ANSWER} .air-verdict strong")).to_have_text(re.compile("ship", re.IGNORECASE))
    page.evaluate("document.querySelectorAll('#air-examples, .air-screen button.sm').forEach(e => e.remove())")
    page.screenshot(path=folder / "images.png", full_page=True)
    to_table(page)
    page.get_by_role("button", name="Load a real row").click()
    page.get_by_text("the true label of this real row is").wait_for()
    page.screenshot(path=folder / "table.png", full_page=True)
    for name in ("images.png", "table.png"):
        with Image.open(folder / name) as shot:
            assert shot.width == DESKTOP["width"]
