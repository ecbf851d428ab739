"""The Chapter screen in real Chromium: two languages, old names and today's, a program that is copied and run.

No program runs: the test plays its job (``tests.helpers.in_process.chapter``).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.helpers.clients.screens import (
    PHONE,
    assert_accessible,
    assert_fits,
    button,
    later,
    sign_in,
    to_chapter,
)
from tests.helpers.in_process import chapter
from tests.helpers.in_process.studio import Studio
from training.chapter import described

XGBOOST = described()["xgboost_trainer"]
CHINESE = "繁體中文"


@pytest.fixture
def open_screen(open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens the Chapter screen."""
    return lambda url, **options: to_chapter(open_page(url, **options))


def _sections(page: Page) -> Locator:
    return page.locator("#air-chapter-list button")


def _open(page: Page, title: str) -> None:
    _sections(page).filter(has_text=title).click()
    expect(page.locator("#air-chapter-section h2")).to_have_text(title)


def _run_and_stop(page: Page, public: Studio, admin: httpx.Client, words: tuple[str, str, str, str]) -> None:
    """Run the program and stop it, with the words of the buttons and of the state between them."""
    run, waiting, cancel, sure = words
    button(page, run).click()
    expect(page.locator("#air-chapter-job")).to_have_text(re.compile(waiting))
    running = chapter.play(public, _newest(admin)["id"])
    later(page)
    button(page, cancel).click()
    button(page, sure).click()
    running.wait_until_ended()
    later(page)


def _tab_is_open(page: Page, name: str) -> None:
    expect(page.get_by_role("tab", name=name, exact=True)).to_have_attribute("aria-selected", "true")


def _newest(api: httpx.Client) -> dict[str, Any]:
    return api.get("/jobs").json()["jobs"][0]


def test_sections_are_in_the_chapters_order_with_old_names_and_todays(
    open_screen: Callable[..., Page], app_url: str
) -> None:
    page = open_screen(app_url)
    titles = [f"{number}{section.title.en}" for number, section in enumerate(described().values(), 1)]
    expect(_sections(page)).to_have_text(titles)
    expect(page.locator("#air-chapter-section h2")).to_have_text("Read a CSV file, split it, drop a column")
    _open(page, XGBOOST.title.en)
    expect(_sections(page).nth(3)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#air-chapter-section")).to_contain_text(XGBOOST.about.en)
    old, today = page.locator(".air-names > div").all()
    expect(old.locator("code")).to_have_text(list(XGBOOST.old))
    expect(today.locator("code")).to_have_text(list(XGBOOST.today))
    expect(page.locator("#air-chapter-meanwhile")).to_contain_text(XGBOOST.watch.en)
    _open(page, "Modin on Ray")
    expect(page.locator("#air-chapter-section")).to_contain_text("It needs Modin, which “make extras” installs.")


def test_language_is_switched_and_switched_back(open_screen: Callable[..., Page], app_url: str) -> None:
    page = open_screen(app_url)
    _open(page, XGBOOST.title.en)
    page.get_by_role("radio", name=CHINESE).check()
    text = page.locator("#air-chapter-section")
    expect(text.locator("h2")).to_have_text(XGBOOST.title.zh)
    expect(text).to_contain_text(XGBOOST.about.zh)
    expect(text.locator("[lang=zh-Hant]")).to_have_count(1)
    expect(page.locator("#air-chapter-meanwhile")).to_contain_text(XGBOOST.watch.zh)
    expect(_sections(page).first).to_contain_text(described()["read_csv"].title.zh)
    expect(button(page, "執行")).to_be_enabled()
    page.get_by_role("radio", name="English").check()
    expect(text.locator("h2")).to_have_text(XGBOOST.title.en)
    expect(button(page, "Run")).to_be_enabled()


def test_state_and_buttons_are_in_the_language(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    page = open_screen(public.url)
    page.get_by_role("radio", name=CHINESE).check()
    expect(button(page, "登入")).to_be_visible()
    page.get_by_role("radio", name="English").check()
    sign_in(page)
    page.get_by_role("radio", name=CHINESE).check()
    state = page.locator("#air-chapter-job")
    expect(state).to_have_text("尚未有人執行。輸出與圖片會顯示在這裡。")
    button(page, "執行").click()
    expect(page.locator("#air-chapter-note")).to_have_text("已排入佇列。你可以離開此頁，稍後再回來。")
    running = chapter.play(public, _newest(admin)["id"])
    later(page)
    expect(state).to_have_text("執行中。")
    button(page, "取消這次執行").click()
    button(page, "否，繼續執行").click()
    running.succeed({"seconds": 7.3})
    later(page)
    expect(state).to_have_text("已完成，耗時 7 秒。")
    _run_and_stop(page, public, admin, ("執行", "等待中|執行中", "取消這次執行", "是，停止執行"))
    expect(state).to_have_text("已停止。")
    page.get_by_role("radio", name="English").check()
    expect(state).to_have_text("Stopped.")
    expect(button(page, "Sign out")).to_be_visible()


def test_program_is_copied(open_screen: Callable[..., Page], app_url: str, http: httpx.Client) -> None:
    page = open_screen(app_url)
    _open(page, XGBOOST.title.en)
    expect(page.locator("#air-chapter-program")).to_contain_text("<b>xgboost_trainer</b>")
    page.locator("#air-chapter-program").get_by_role("button", name="Copy", exact=True).click()
    copied = page.wait_for_function("navigator.clipboard.readText()").json_value()
    [source] = [
        section["source"]
        for section in http.get("/examples").json()["examples"]
        if section["name"] == "xgboost_trainer"
    ]
    assert copied.strip() == source.strip()


def test_run_shows_its_output_and_its_picture_while_it_runs(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    page = open_screen(public.url)
    expect(button(page, "Run")).to_be_disabled()
    sign_in(page)
    _open(page, XGBOOST.title.en)
    state = page.locator("#air-chapter-job")
    expect(state).to_have_text("Nobody has run it yet. Its output and its picture appear here.")
    button(page, "Run").click()
    expect(page.locator("#air-chapter-note")).to_contain_text("Queued.")
    job = _newest(admin)
    assert (job["kind"], job["model"], job["config"]) == ("example", "", {"name": "xgboost_trainer"})
    running = chapter.play(public, job["id"])
    running.prints("round 1: <b id='injected'>0.9</b>")
    later(page)
    expect(state).to_have_text("Running now.")
    expect(page.locator("#air-chapter-log pre")).to_have_text("round 1: <b id='injected'>0.9</b>")
    expect(page.locator("#air-chapter-picture img")).to_have_count(0)
    drawn = running.draws("xgboost_trainer")
    running.prints("round 2: 0.95")
    later(page)
    expect(page.locator("#air-chapter-log pre")).to_contain_text("round 2: 0.95")
    shown = page.locator("#air-chapter-picture img")
    expect(shown).to_have_attribute("src", f"data:image/png;base64,{base64.b64encode(drawn).decode()}")
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    running.succeed({"seconds": 7.3})
    later(page)
    expect(state).to_have_text("Done: it took 7 s.")
    expect(page.locator("#injected")).to_have_count(0)
    _open(page, "Modin on Ray")
    expect(state).to_contain_text("Nobody has run it yet.")
    expect(page.locator("#air-chapter-log pre")).to_have_count(0)
    expect(shown).to_have_count(0)


def test_run_that_fails_says_why_and_one_is_cancelled(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    page = open_screen(public.url)
    sign_in(page)
    _open(page, "Dask on Ray")
    button(page, "Run").click()
    expect(page.locator("#air-chapter-note")).to_contain_text("Queued.")
    chapter.play(public, _newest(admin)["id"]).fail('examples.dask_on_ray needs Dask: run "make extras" first.')
    later(page)
    state = page.locator("#air-chapter-job")
    expect(state).to_have_text('Failed: examples.dask_on_ray needs Dask: run "make extras" first.')
    _run_and_stop(page, public, admin, ("Run", r"^\s*(Waiting|Running now)", "Cancel this run", "Yes, stop it"))
    expect(state).to_have_text("Stopped.")


def test_links_lead_to_cluster_and_to_the_screen_that_does_it_for_real(
    open_screen: Callable[..., Page], app_url: str
) -> None:
    page = open_screen(app_url)
    page.get_by_role("link", name="The same for real: Your data").click()
    _tab_is_open(page, "Your data")
    page.go_back()
    _tab_is_open(page, "Chapter")
    page.get_by_role("link", name="Open Cluster").click()
    _tab_is_open(page, "Cluster")


def test_stranger_sees_the_sections_and_runs_none(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    queued = admin.post(jobs, json={"kind": "example", "config": {"name": "read_csv"}}).json()
    chapter.play(public, queued["id"]).succeed({"seconds": 1.0})
    page = open_screen(public.url)
    expect(page.locator("#air-chapter-why")).to_contain_text("Sign in first")
    expect(page.locator("#air-chapter-job")).to_have_text("Done: it took 1 s.")
    expect(page.locator("#air-chapter-log")).to_have_text("Sign in to read the log.")
    expect(button(page, "Run")).to_be_disabled()
    page.locator("#air-chapter-run").evaluate("run => { run.disabled = false; run.click(); }")
    expect(page.locator("#air-chapter-note")).to_contain_text("Sign in first")
    assert _newest(admin)["id"] == queued["id"]


def test_screen_is_accessible_and_fits_a_phone(open_screen: Callable[..., Page], app_url: str) -> None:
    page = open_screen(app_url, viewport=PHONE)
    assert_accessible(page)
    assert_fits(page)
    page.get_by_role("radio", name=CHINESE).check()
    expect(page.locator("#air-chapter-section h2")).to_have_text(described()["read_csv"].title.zh)
    assert_fits(page)
