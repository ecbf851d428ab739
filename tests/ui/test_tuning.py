"""The Tuning screen in real Chromium: studies, a search, a trial, a training with its values.

No study runs: the test makes up the trials (``tests.helpers.in_process.played_studies``).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.helpers.clients.screens import (
    PHONE,
    TABLE,
    assert_accessible,
    assert_fits,
    button,
    later,
    sign_in,
    to_tuning,
    unfold,
)
from tests.helpers.in_process.played import wait_for
from tests.helpers.in_process.played_studies import PlayedStudy
from tests.helpers.in_process.studio import Studio

LEARNT = "it did all its 100 rounds"
BEHIND = "it was behind the others after 20 rounds"


@pytest.fixture
def open_screen(open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens the Tuning screen."""
    return lambda url, **options: to_tuning(open_page(url, **options))


def _sign_in(page: Page) -> None:
    sign_in(page)
    expect(button(page, "Search")).to_be_enabled()


def _state(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#air-study .air-notice")).to_have_text(text)


def _rows(page: Page) -> Locator:
    return page.locator(".air-trials tbody tr")


def _field(page: Page, name: str) -> Locator:
    return page.locator("[data-air-space]").get_by_role("textbox", name=name)


def _marked(page: Page) -> set[str]:
    return set(page.locator(".air-chart svg .air-chosen-name").all_text_contents())


def _search(page: Page, trials: int) -> None:
    page.get_by_role("radio", name=TABLE, exact=True).check()
    page.get_by_role("textbox", name=re.compile("^Trials")).fill(str(trials))
    button(page, "Search").click()


def _searching(page: Page, studio: Studio, api: httpx.Client, trials: int) -> PlayedStudy:
    """Start a search; returns its study once it runs."""
    _search(page, trials)
    expect(page.locator("#air-tune-note")).to_contain_text("Queued.")
    return PlayedStudy(studio, _newest(api, "tune")["id"])


def _newest(api: httpx.Client, kind: str) -> dict[str, Any]:
    return next(job for job in api.get("/jobs").json()["jobs"] if job["kind"] == kind)


def _params(number: int) -> dict[str, float]:
    return {
        "max_depth": 1 + number,
        "learning_rate": 0.05 + number / 7,
        "num_boost_round": 50 + number,
        "min_child_weight": 0.1 + number / 3,
        "gamma": number / 9,
    }


def test_studies_that_came_with_the_program_are_there_dated_and_their_trials_can_be_chosen_and_sorted(
    open_screen: Callable[..., Page], app_url: str, http: httpx.Client
) -> None:
    page = open_screen(app_url)
    shipped = [study for study in http.get("/tuning").json()["studies"] if study["shipped"]]
    assert {study["model"] for study in shipped} == {"cifar10", "breast-cancer"}
    for study in sorted(shipped, key=lambda one: one["model"], reverse=True):
        entry = page.locator(f'#air-studies button[data-job="{study["study"]}"]')
        expect(entry).to_contain_text(re.compile(r"came with the program, run on \d+ \w+ \d{4}"))
        entry.click()
        expect(page.locator("#air-study")).to_contain_text("This study came with the program: it was run on")
        expect(_rows(page)).to_have_count(study["trials"])
        for name in ("progress", "scatters", "parallel", "curves"):
            expect(page.locator(f'[data-air-slot="{name}"] svg').first).to_be_visible()
            expect(page.locator(f'[data-air-reading="{name}"]')).to_have_text(re.compile(r"\w+\."))
        found = http.get(f"/tuning/{study['study']}").json()
        said = found["importance"]["method"] if found["importance"] else found["importance_note"]
        expect(page.locator("#air-importance")).to_contain_text(said)
        expect(page.locator("#air-importance li")).to_have_count(len((found["importance"] or {"params": {}})["params"]))

    assert study["model"] == "breast-cancer"
    expect(page.locator('[data-air-slot="details"] h3')).to_have_text(f"Trial {study['best']['trial']}, the best")
    other = _rows(page).filter(has_text=re.compile(r"it did all its")).filter(has_not_text=", the best").first
    trial = other.get_attribute("data-trial")
    other.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(other.get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(page.locator('[data-air-slot="details"] h3')).to_have_text(f"Trial {trial}")
    assert _marked(page) == {trial}
    assert page.locator(".air-chart svg .air-chosen-name").count() == 3 + len(study["best"]["params"])

    head = page.locator(".air-trials thead th").filter(has_text="Trial")
    names = [f"{number:03d}" for number in range(1, study["trials"] + 1)]
    for order, expected in (("ascending", names), ("descending", names[::-1])):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", order)
        assert _rows(page).evaluate_all("rows => rows.map(row => row.dataset.trial)") == expected


def test_from_the_search_to_the_training_with_what_it_found(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    page = open_screen(public.url)
    expect(button(page, "Search")).to_be_disabled()
    _sign_in(page)
    study = _searching(page, public, admin, 4)
    expect(page.locator("#air-study")).to_contain_text("Planned: 4 trials")
    for number, loss in enumerate((0.4, 0.1, 0.2, 0.3), 1):
        study.begin(f"{number:03d}", _params(number), 0.9, loss)
        study.end_trial(f"{number:03d}", "finished", LEARNT)
    study.succeed()
    later(page)
    _state(page, "Done: log loss 0.1 in trial 002.")
    job = _newest(admin, "tune")
    assert (job["model"], job["config"]["num_samples"], job["result"]["trials"]) == ("breast-cancer", 4, 4)
    expect(_rows(page)).to_have_count(4)
    page.reload()
    to_tuning(page)
    _state(page, "Done: log loss 0.1 in trial 002.")
    expect(_rows(page)).to_have_count(4)
    with page.expect_download() as download:
        page.get_by_role("link", name="All trials as a CSV file").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert len(lines) == 4
    assert all(name in lines[0] for name in job["result"]["best"]["params"])
    _sign_in(page)
    newest = admin.post(jobs, json={"kind": "train", "model": "cifar10"}).json()["id"]
    button(page, "Train with the best").click()
    expect(page.get_by_role("tab", name="Retrain")).to_have_attribute("aria-selected", "true")
    # The screen finds a training of the other model; the form stays with what was brought to it.
    page.locator(f'#air-jobs button[data-job="{newest}"]').wait_for()
    expect(page.get_by_role("radio", name=TABLE, exact=True)).to_be_checked()
    config = job["result"]["config"]
    expect(page.get_by_role("textbox", name="Max depth")).to_have_value(str(config["max_depth"]))
    taken = page.locator("#air-taken")
    expect(taken).to_contain_text(f"study {job['id']}, trial {job['result']['best']['trial']}")
    assert config["params"]
    for name in config["params"]:
        expect(taken).to_contain_text(name)
    button(page, "Train").click()
    expect(page.locator("#air-train-note")).to_contain_text("Queued.")
    sent = _newest(admin, "train")["config"]
    assert sent["params"] == config["params"]
    assert sent["learning_rate"] == pytest.approx(config["learning_rate"], rel=1e-9)
    assert {name: sent[name] for name in ("max_depth", "num_boost_round", "seed")} == {
        name: config[name] for name in ("max_depth", "num_boost_round", "seed")
    }
    button(page, "Remove them").click()
    expect(taken).to_be_hidden()
    expect(page.get_by_role("textbox", name="Max depth")).to_have_value("")


def test_two_browsers_watch_one_study_and_cancelling_keeps_what_has_ended(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    page = open_screen(public.url)
    _sign_in(page)
    study = _searching(page, public, admin, 1000)
    later(page)
    _state(page, "Searching now.")
    other = open_screen(public.url)
    _state(other, "Searching now.")
    expect(button(other, "Cancel this study")).to_be_disabled()
    study.begin("001", _params(1), 0.9, 0.3)
    study.end_trial("001", "finished", LEARNT)
    study.begin("002", _params(2), 0.9)
    later(page, other)
    for seen in (page, other):
        expect(_rows(seen)).to_have_count(2)
        expect(_rows(seen).filter(has_text="finished")).to_have_count(1)
        expect(_rows(seen).filter(has_text="running now")).to_have_count(1)
    study.end_trial("002", "stopped", BEHIND)
    for number in (3, 4, 5):
        study.begin(f"{number:03d}", _params(number), 0.8)
    later(page, other)
    for seen in (page, other):
        expect(_rows(seen)).to_have_count(5)
        expect(_rows(seen).filter(has_text="stopped early")).to_have_count(1)
    other.get_by_role("tab", name="Retrain").click()
    expect(other.locator("#air-jobs")).not_to_contain_text("as soon as")
    expect(other.locator("#air-jobs")).not_to_contain_text("search")
    other.get_by_role("tab", name="Tuning").click()
    button(page, "Cancel this study").click()
    button(page, "No, continue").click()
    button(page, "Cancel this study").click()
    button(page, "Yes, stop it").click()
    wait_for(lambda: _newest(admin, "tune")["state"] == "stopped")
    study.stop()
    later(page, other)
    for seen in (page, other):
        _state(seen, "Stopped. The trials that had ended are kept.")
        expect(_rows(seen).filter(has_text="running now")).to_have_count(0)
        expect(_rows(seen)).to_have_count(5)
    expect(button(page, "Resume this study")).to_be_enabled()
    expect(button(other, "Resume this study")).to_be_disabled()


def test_what_is_wrong_with_a_search_is_said_beside_the_field(
    open_screen: Callable[..., Page], public: Studio, admin: httpx.Client, jobs: str
) -> None:
    before = len(admin.get(jobs).json()["jobs"])
    page = open_screen(public.url)
    _sign_in(page)
    _search(page, 0)
    expect(page.locator("#air-tune-note")).to_contain_text("There is a problem with “Trials”")
    expect(page.locator(".air-empty .info-text")).to_have_text("must be at least 1, got '0'.")

    unfold(page, "What to try", _field(page, "Max depth: from"))
    faults = {
        "Max depth: from": ("99", "max_depth", "99"),
        "Learning rate: from": ("", "learning_rate", "“From” is empty."),
        "Trees: to": ("<b id='injected'>", "num_boost_round", "is not a number."),
    }
    for label, (typed, name, said) in faults.items():
        _field(page, label).fill(typed)
        expect(page.locator(f"#air-space-fault-{name}")).to_contain_text(said)
        expect(_field(page, label)).to_have_attribute("aria-invalid", "true")
    button(page, "Search").click()
    expect(page.locator("#air-tune-note")).to_contain_text("see the message beside the field.")
    expect(page.locator("#injected")).to_have_count(0)
    assert len(admin.get(jobs).json()["jobs"]) == before
    for box in page.locator("[data-air-space] input[type=checkbox]").all():
        box.uncheck()
    expect(page.locator("#air-space-fault")).to_have_text("Tick at least one parameter to try.")


def test_screen_is_accessible_and_fits_a_phone(open_screen: Callable[..., Page], app_url: str) -> None:
    page = open_screen(app_url, viewport=PHONE)
    _rows(page).nth(1).get_by_role("button").click()
    unfold(page, "What to try", _field(page, "Max depth: from"))
    _field(page, "Max depth: from").fill("99")
    expect(page.locator("#air-space-fault-max_depth")).not_to_be_empty()
    assert_accessible(page)
    assert_fits(page)
