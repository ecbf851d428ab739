"""The Retrain screen in real Chromium: train, watch, compare, promote, roll back; and who may not.

No job runs: the test writes what a training would write (``tests.helpers.in_process.played``).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from settings import ROOT
from tests.helpers.clients.screens import (
    ADMIN_TOKEN,
    IMAGES,
    PHONE,
    TABLE,
    ask_row,
    assert_accessible,
    assert_fits,
    button,
    later,
    sign_in,
    to_batch,
    to_retrain,
    train,
    unfold,
)
from tests.helpers.in_process.played import Played
from tests.helpers.in_process.studio import Studio
from tests.helpers.samples import versions

SHIP = ROOT / "docs" / "example.png"
SIGN_IN_FIRST = "Sign in first: only those with the admin's token may change things here."


@pytest.fixture
def open_screen(open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens the Retrain screen."""
    return lambda url, **options: to_retrain(open_page(url, **options))


def _asked(page: Page, api: httpx.Client) -> dict[str, Any]:
    """The training that was just queued."""
    expect(page.locator("#air-train-note")).to_contain_text("Queued.")
    return next(job for job in api.get("/jobs").json()["jobs"] if job["kind"] == "train")


def _state(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#air-job .air-notice")).to_have_text(text)


def test_nothing_can_be_changed_before_signing_in_which_holds_on_all_screens(
    open_screen: Callable[..., Page], public: Studio
) -> None:
    page = open_screen(public.url)
    expect(page.locator("#air-why")).to_have_text(SIGN_IN_FIRST)
    for name in ("Train", "Roll back"):
        expect(button(page, name)).to_be_disabled()
    to_batch(page)
    expect(page.locator("#air-batch-why")).to_have_text(SIGN_IN_FIRST)
    expect(button(page, "Predict the test set")).to_be_disabled()
    page.get_by_role("radio", name="My own files", exact=True).check()
    expect(page.locator("#air-batch-own")).to_be_visible()
    expect(page.locator("#air-batch-pictures")).to_be_hidden()

    to_retrain(page)
    sign_in(page, "wrong")
    expect(page.get_by_text("This is not the admin's token.")).to_be_visible()
    expect(button(page, "Train")).to_be_disabled()
    sign_in(page)
    expect(button(page, "Train")).to_be_enabled()
    assert ADMIN_TOKEN not in page.content() + page.url
    assert ADMIN_TOKEN not in page.evaluate("[...document.querySelectorAll('input')].map(field => field.value).join()")
    train(page, IMAGES, "Epochs Passes over all images", "0")
    expect(page.locator("#air-train-note")).to_contain_text("Epochs: must be at least 1")
    to_batch(page)
    page.get_by_role("radio", name="The test set", exact=True).check()
    expect(button(page, "Predict the test set")).to_be_enabled()
    button(page, "Sign out").click()
    expect(button(page, "Predict the test set")).to_be_disabled()
    to_retrain(page)
    expect(button(page, "Train")).to_be_disabled()


def test_log_is_shown_to_who_has_signed_in(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    job_id = admin.post(jobs, json={"kind": "train", "model": "breast-cancer"}).json()["id"]
    Played(public, job_id)
    (public.home / "jobs" / job_id / "log.txt").write_text("the third tree\n")
    page = open_screen(public.url)
    page.get_by_role("button", name="Log").click()
    expect(page.get_by_text("Sign in to read the log.")).to_be_visible()
    sign_in(page)
    expect(page.get_by_role("region", name="End of the log")).to_have_text("the third tree")


def test_from_the_button_to_the_promoted_version_and_back(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    page = open_screen(public.url)
    sign_in(page)
    expect(button(page, "Train")).to_be_enabled()
    train(page, TABLE, "Trees", "20", "Boosted trees")
    job = _asked(page, admin)
    expect(page.locator("#air-job")).to_contain_text("20 trees")
    page.reload()
    to_retrain(page)
    expect(page.locator("#air-job")).to_contain_text("20 trees")
    expect(page.get_by_role("radio", name=TABLE)).to_be_checked()
    running = Played(public, job["id"])
    for number, loss in enumerate((0.5, 0.3, 0.2)):
        running.epoch(number, {"validation_logloss": loss, "validation_error": loss / 10})
    version = versions.add_cut(public.home, 20, job["id"])
    running.succeed({"version": version, "metrics": {}})
    later(page)
    _state(page, f"Done: made version {version}.")
    expect(page.locator("#air-curves svg")).to_have_count(2)
    expect(page.locator("#air-curves .air-now")).to_have_text(["0.200", "2.0 %"])
    expect(page.locator("#air-comparison table.air-matrix")).to_have_count(2)
    expect(page.locator("#air-comparison .air-notice")).to_contain_text(f"Version {version} is")
    before = page.locator("#air-now strong").inner_text().split()[1]
    promote = button(page, f"Promote version {version}")
    expect(promote).to_be_disabled()
    sign_in(page)
    page.get_by_label("Reason (optional)").fill("it is <i>new</i>")
    promote.click()
    expect(page.get_by_text(f"Version {version} is the champion: every answer comes from it now.")).to_be_visible()
    later(page)
    expect(page.locator("#air-status")).to_contain_text(f"Breast cancer: version {version}, ready")
    row = admin.get("/models/breast-cancer/examples?n=1").json()["examples"][0]["row"]
    assert ask_row(admin, row)["model"]["version"] == version
    newest = page.locator("#air-moves tbody tr").first.locator("td")
    expect(newest).to_have_text([re.compile("."), "promoted", before, version, "it is <i>new</i>"])
    button(page, "Roll back").click()
    expect(page.get_by_text(f"Rolled back: version {before} answers again.")).to_be_visible()
    later(page)
    expect(page.locator("#air-status")).to_contain_text(f"Breast cancer: version {before}, ready")
    expect(newest.nth(1)).to_have_text("rolled back")
    assert ask_row(admin, row)["model"]["version"] == before


def test_two_browsers_watch_one_training_until_it_is_stopped(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    page = open_screen(public.url)
    sign_in(page)
    expect(button(page, "Train")).to_be_enabled()
    train(page, IMAGES, "Epochs Passes over all images", "500")
    running = Played(public, _asked(page, admin)["id"])
    later(page)
    _state(page, "Training now.")
    other = open_screen(public.url)
    _state(other, "Training now.")
    expect(other.locator("#air-job")).to_contain_text("500 epochs")
    expect(button(other, "Cancel this training")).to_be_disabled()
    running.stage("training")
    running.epoch(0, {"validation_loss": 1.5, "validation_accuracy": 0.45})
    running.step(25, 100, {"accuracy": "0.45"})
    later(page, other)
    for seen in (page, other):
        expect(seen.locator("#air-curves svg")).to_have_count(2)
        expect(seen.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
        expect(seen.locator("#air-progress")).to_contain_text("25 % of the steps done · training · accuracy 0.45")
    expect(page.get_by_role("progressbar")).to_be_visible()
    button(page, "Cancel this training").click()
    button(page, "No, continue").click()
    button(page, "Cancel this training").click()
    button(page, "Yes, stop it").click()
    running.wait_until_ended()
    later(page, other)
    for seen in (page, other):
        _state(seen, "Stopped.")
    expect(button(page, "Resume where it stopped")).to_be_enabled()
    expect(button(other, "Resume where it stopped")).to_be_disabled()


def test_learning_from_corrections_is_offered_when_there_are_some(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    for item in admin.get("/corrections").json()["corrections"]:
        admin.delete(f"/corrections/{item['id']}")
    page = open_screen(public.url)
    page.get_by_role("radio", name=IMAGES).check()
    tick = page.get_by_role("checkbox", name="Learn from")
    sign_in(page)
    expect(tick).to_be_disabled()
    expect(page.locator("#air-learn")).to_contain_text("There are none yet: correct an answer on the Images screen.")
    wanted = {"image": base64.b64encode(SHIP.read_bytes()).decode(), "label": "ship", "answered": None, "version": None}
    kept = admin.post("/corrections", json=wanted).json()["id"]
    try:
        later(page)
        expect(page.get_by_label("Learn from the one correction")).to_be_enabled()
        tick.check()
        epochs = page.get_by_role("textbox", name="Epochs Passes over all images")
        unfold(page, "More options", epochs)
        epochs.fill("500")
        page.get_by_role("radio", name="New weights").check()
        page.get_by_role("textbox", name="Weight of a correction").fill("1001")
        button(page, "Train").click()
        expect(page.locator("#air-train-note")).to_contain_text("Weight of a correction: must be ")
        page.get_by_role("textbox", name="Weight of a correction").fill("7")
        button(page, "Train").click()
        job = _asked(page, admin)
        expect(page.locator("#air-job")).to_contain_text(re.compile("500 epochs.*learns from corrections"))
        config = job["config"]
        assert (config["use_corrections"], config["correction_weight"], config["init"]) == (True, 7, "new")
        assert admin.post(f"{jobs}/{job['id']}/cancel").status_code in (200, 202)
    finally:
        admin.delete(f"/corrections/{kept}")


def test_screen_is_accessible_and_fits_a_phone(open_screen: Callable[..., Page], app_url: str) -> None:
    page = open_screen(app_url, viewport=PHONE)
    for model in (TABLE, IMAGES):
        page.get_by_role("radio", name=model, exact=True).check()
        expect(page.locator("#air-comparison .air-matrix.air-many")).to_have_count(int(model == IMAGES))
        assert_accessible(page)
        assert_fits(page)
