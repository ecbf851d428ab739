"""The page in real Chromium, on all screens: keyboard, phone, colours, headings, screenshots, read-only visitors.

With AIR_SCREENSHOTS=1 the pictures of the README are written to docs/screenshots/.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from settings import ROOT
from tests.helpers.clients.screens import (
    DESKTOP,
    IMAGE_ANSWER,
    PHONE,
    TABLE_ANSWER,
    assert_fits,
    button,
    give_picture,
    to_batch,
    to_chapter,
    to_cluster,
    to_retrain,
    to_table,
    to_tuning,
    violations,
)
from training import chapter
from ui.kit.client import ApiError, Client
from ui.kit.visitor import headers_for_change

SHIP = ROOT / "docs" / "example.png"
XGBOOST = chapter.described()["xgboost_trainer"]
PROXY = "You came here through a proxy"


def test_header_names_the_served_versions_and_headings_are_in_order(images: Page, http: httpx.Client) -> None:
    for model in http.get("/models").json()["models"]:
        (version,) = {replica["version"] for replica in model["serving"]}
        title = model["about"]["title"]
        expect(images.locator("#air-status")).to_contain_text(f"{title}: version {version}, ready")
    assert images.evaluate("document.documentElement.lang") == "en"
    assert images.title() == "AIR Studio"
    expect(images.get_by_text("Built with Gradio")).to_have_count(0)
    levels = images.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].filter(e => e.checkVisibility()).map(e => +e.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
    # Progress that an event notes for each component is shown nowhere, and costs the browser as much as the event.
    noting = "dependencies.filter(one => one.backend_fn && one.show_progress_on === null).map(one => one.id)"
    assert images.evaluate(f"window.gradio_config.{noting}") == []


def test_reload_link_and_back_lead_to_the_open_tab(images: Page, app_url: str) -> None:
    page = images

    def expect_open(name: str) -> None:
        expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")

    to_retrain(page)
    to_cluster(page)
    page.reload()
    expect_open("Cluster")
    page.locator("#air-workload-serving li").first.wait_for()
    page.go_back()
    expect_open("Retrain")
    page.go_back()
    expect_open("Images")
    page.go_forward()
    expect_open("Retrain")
    page.goto("about:blank")
    page.goto(f"{app_url}/#Batch")
    expect_open("Batch")


def test_page_is_english_and_its_moments_are_in_the_readers_zone(browser: Browser, app_url: str) -> None:
    with browser.new_context(locale="de-DE", timezone_id="Asia/Kolkata") as context:
        page = context.new_page()
        page.goto(app_url)
        to_tuning(page)
        assert page.evaluate("document.documentElement.lang") == "en"
        expect(page.get_by_text("Drop a picture here, or click to upload").first).to_be_attached()
        shown = page.evaluate(
            """iso => {
                document.body.insertAdjacentHTML('beforeend', `<p><time id="t" datetime="${iso}">UTC</time></p>`);
                return new Promise(resolve => setTimeout(() => resolve(document.getElementById('t').textContent)));
            }""",
            "2026-11-23T20:45:00Z",
        )
        assert shown == "24 Nov, 02:15"


def test_without_javascript_the_page_says_what_it_needs(browser: Browser, app_url: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(app_url)
        words = page.evaluate("getComputedStyle(document.body, '::before').content")
        assert "AIR Studio needs JavaScript" in words


def test_keyboard_alone_is_enough(images: Page) -> None:
    page = images
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
    """Press Tab until a visible matching element has the focus."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {selector} cannot be seen"
            return
    pytest.fail(f"Tab does not lead to {selector}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_screens_are_accessible_and_in_the_right_colours(
    open_page: Callable[..., Page], app_url: str, scheme: str
) -> None:
    page = open_page(app_url, color_scheme=scheme)
    page.locator(".air-gallery button").first.click()
    page.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    _show_code(page)
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


def _show_code(page: Page) -> None:
    page.get_by_role("button", name="Copy this call as Python code").filter(visible=True).click()
    page.locator(".air-code .cm-content").filter(visible=True).wait_for()


def test_on_a_phone_nothing_scrolls_sideways_and_the_answer_comes_into_sight(
    open_page: Callable[..., Page], app_url: str
) -> None:
    page = open_page(app_url, viewport=PHONE)
    page.locator(".air-gallery button").first.click()
    expect(page.locator(f"{IMAGE_ANSWER} .air-verdict")).to_be_in_viewport()
    _show_code(page)
    assert_fits(page)
    to_table(page)
    page.get_by_label("mean area").scroll_into_view_if_needed()
    expect(page.locator("#air-table-glance")).to_be_in_viewport()
    expect(page.locator("#air-table-glance")).to_contain_text("probability of malignant")
    page.get_by_role("button", name="Worst values").click()
    page.get_by_label("worst fractal dimension").wait_for()
    page.get_by_label("mean fractal dimension").fill("90")
    page.locator(f"{TABLE_ANSWER} .air-warning").wait_for()
    assert_fits(page)


def test_visitor_through_a_proxy_may_only_look(open_page: Callable[..., Page], app_url: str) -> None:
    page = open_page(app_url, extra_http_headers={"X-Forwarded-For": "192.0.2.7"})
    give_picture(page, "air-images-picture", SHIP)
    page.locator(f"{IMAGE_ANSWER} .air-verdict").wait_for()
    expect(page.locator("#air-images-correct")).to_contain_text(PROXY)
    expect(page.locator("#air-images-correct button")).to_have_count(0)
    changing = {
        to_retrain: ("#air-why", "Train"),
        to_batch: ("#air-batch-why", "Predict the test set"),
        to_cluster: ("#air-cluster-why", "Kill a replica"),
        to_tuning: ("#air-tune-why", "Search"),
    }
    for to_screen, (why, name) in changing.items():
        to_screen(page)
        expect(page.locator(why)).to_contain_text(PROXY)
        expect(button(page, name)).to_be_disabled()
    # What this screen draws has come before it was in sight.
    expect(page.locator(".air-trials tbody tr").first).to_be_visible()

    page.set_extra_http_headers({})
    page.reload()
    for to_screen, (_, name) in changing.items():
        to_screen(page)
        expect(button(page, name)).to_be_enabled()


def test_page_changes_nothing_for_whatever_sign_of_a_proxy(app_url: str) -> None:
    for headers in ({"via": "1.1 proxy"}, {"x-real-ip": "192.0.2.7"}, {"forwarded": "for=192.0.2.7"}):
        asked = headers_for_change(Client(f"{app_url}/api"), SimpleNamespace(headers=headers), "")
        # In a thread of its own: Playwright's loop runs in this one.
        with ThreadPoolExecutor(1) as thread, pytest.raises(ApiError, match="through a proxy"):
            thread.submit(asyncio.run, asked).result()


def test_screenshots(
    open_page: Callable[..., Page], app_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one of our own pictures: those of the data set are not ours to publish; and of a real program."""
    folder = tmp_path
    if os.environ.get("AIR_SCREENSHOTS") == "1":
        folder = ROOT / "docs" / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr(chapter, "FOLDER", ROOT / "examples")
    page = open_page(app_url)
    page.locator(".air-gallery button, #air-images-examples .air-quiet").first.wait_for()
    give_picture(page, "air-images-picture", SHIP)
    expect(page.locator(f"{IMAGE_ANSWER} .air-verdict strong")).to_have_text(re.compile("ship", re.IGNORECASE))
    page.locator("#air-images-correct button").first.wait_for()
    page.evaluate("document.querySelectorAll('#air-images-examples, .air-screen button.sm').forEach(e => e.remove())")
    page.screenshot(path=folder / "images.png", full_page=True)
    to_table(page)
    page.get_by_role("button", name="Load a real row").click()
    page.get_by_text("the true label of this real row is").wait_for()
    page.screenshot(path=folder / "table.png", full_page=True)
    to_chapter(page).get_by_role("button", name=XGBOOST.title.en).click()
    expect(page.locator("#air-chapter-program")).to_contain_text("xgboost_trainer")
    page.screenshot(path=folder / "chapter.png", full_page=True)
    for name in ("images.png", "table.png", "chapter.png"):
        with Image.open(folder / name) as shot:
            assert shot.width == DESKTOP["width"]
