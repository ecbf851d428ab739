"""The Tuning screen in real Chromium: look at studies, search, choose a trial, train with what was found.

`public_app`, `admin`, `app` and `browser` come from conftest.py.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.helpers.screens import DONE_MS, PHONE, assert_fits, button, sign_in, unfold, violations
from ui import handover, study_data, study_space

TABLE = "Table: malignant or benign"


@pytest.fixture
def open_screen(open_page):
    """Opens the Tuning screen."""
    return lambda url, **options: _to_screen(open_page(url, **options))


def _to_screen(page: Page) -> Page:
    page.get_by_role("tab", name="Tuning").click()
    page.locator("#air-studies button").first.wait_for()
    page.locator("#air-tune-preset input").first.wait_for()
    return page


def _sign_in(page: Page) -> None:
    sign_in(page)
    expect(button(page, "Search")).to_be_enabled()


def _state(page: Page, text: str | re.Pattern[str], timeout: float = 2 * DONE_MS) -> None:
    expect(page.locator("#air-study .air-notice")).to_have_text(text, timeout=timeout)


def _rows(page: Page) -> Locator:
    return page.locator(".air-trials tbody tr")


def _field(page: Page, name: str) -> Locator:
    return page.locator("[data-air-space]").get_by_role("textbox", name=name)


def _marked(page: Page) -> set[str]:
    return set(page.locator(".air-chart svg .air-chosen-name").all_text_contents())


def _search(page: Page, trials: int) -> None:
    page.get_by_role("radio", name=TABLE, exact=True).check()
    page.get_by_role("textbox", name="Trials").fill(str(trials))
    button(page, "Search").click()


def _newest(jobs: str) -> dict[str, Any]:
    return next(job for job in requests.get(jobs).json()["jobs"] if job["kind"] == "tune")


def test_studies_that_came_with_the_program_are_there_and_dated(open_screen, app):
    page = open_screen(app.url)
    shipped = [study for study in requests.get(f"{app.url}/api/tuning").json()["studies"] if study["shipped"]]
    assert {study["model"] for study in shipped} == {"cifar10", "breast-cancer"}
    for study in shipped:
        entry = page.locator(f'#air-studies button[data-job="{study["study"]}"]')
        expect(entry).to_contain_text(re.compile(r"came with the program, run on \d+ \w+ \d{4}"))
        entry.click()
        expect(page.locator("#air-study")).to_contain_text("This study came with the program: it was run on")
        expect(_rows(page)).to_have_count(study["trials"])
        for name in ("progress", "scatters", "parallel", "curves"):
            expect(page.locator(f'[data-air-slot="{name}"] svg').first).to_be_visible()
            expect(page.locator(f'[data-air-reading="{name}"]')).to_have_text(re.compile(r"\w+\."))
        told = requests.get(f"{app.url}/api/tuning/{study['study']}").json()
        said = told["importance"]["method"] if told["importance"] else told["importance_note"]
        expect(page.locator("#air-importance")).to_contain_text(said)
        expect(page.locator("#air-importance li")).to_have_count(len((told["importance"] or {"params": {}})["params"]))


def test_trial_chosen_in_the_table_is_marked_in_every_chart(open_screen, app):
    page = open_screen(app.url)
    study = next(s for s in requests.get(f"{app.url}/api/tuning").json()["studies"] if s["model"] == "breast-cancer")
    page.locator(f'#air-studies button[data-job="{study["study"]}"]').click()
    expect(page.locator('[data-air-slot="details"] h3')).to_have_text(f"Trial {study['best']['trial']}, the best")
    other = _rows(page).filter(has_text=re.compile(r"it did all its")).filter(has_not_text=", the best").first
    trial = other.get_attribute("data-trial")
    other.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(other.get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(page.locator('[data-air-slot="details"] h3')).to_have_text(f"Trial {trial}")
    assert _marked(page) == {trial}
    assert page.locator(".air-chart svg .air-chosen-name").count() == 3 + len(study["best"]["params"])


def test_table_sorts_by_any_column_both_ways(open_screen, app):
    page = open_screen(app.url)
    study = next(s for s in requests.get(f"{app.url}/api/tuning").json()["studies"] if s["model"] == "breast-cancer")
    page.locator(f'#air-studies button[data-job="{study["study"]}"]').click()
    expect(_rows(page)).to_have_count(study["trials"])
    head = page.locator(".air-trials thead th").filter(has_text="Trial")
    names = [f"{number:03d}" for number in range(1, study["trials"] + 1)]
    for order, expected in (("ascending", names), ("descending", names[::-1])):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", order)
        assert _rows(page).evaluate_all("rows => rows.map(row => row.dataset.trial)") == expected


def test_from_the_search_to_the_training_with_what_it_found(open_screen, public_app, jobs):
    page = open_screen(public_app.url)
    expect(button(page, "Search")).to_be_disabled()
    _sign_in(page)
    _search(page, 4)
    expect(page.locator("#air-tune-note")).to_contain_text("Asked for.")
    expect(page.locator("#air-study")).to_contain_text("Asked for: 4 trials")
    _state(page, re.compile(r"^Done: surprise 0\.\d+ in trial \d+\.$"))
    job = _newest(jobs)
    assert (job["model"], job["config"]["num_samples"], job["result"]["trials"]) == ("breast-cancer", 4, 4)
    expect(_rows(page)).to_have_count(4)
    page.reload()
    _to_screen(page)
    _state(page, re.compile(r"^Done: surprise"))
    expect(_rows(page)).to_have_count(4)
    with page.expect_download() as download:
        page.get_by_role("link", name="All trials as a CSV file").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert len(lines) == 4
    assert all(name in lines[0] for name in job["result"]["best"]["params"])
    _sign_in(page)
    button(page, "Train with the best").click()
    expect(page.get_by_role("tab", name="Retrain")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("radio", name=TABLE, exact=True)).to_be_checked()
    config = job["result"]["config"]
    expect(page.get_by_role("textbox", name="Depth of a tree")).to_have_value(str(config["max_depth"]))
    taken = page.locator("#air-taken")
    expect(taken).to_contain_text(f"study {job['id']}, trial {job['result']['best']['trial']}")
    for name in config["params"]:
        expect(taken).to_contain_text(name)
    button(page, "Train").click()
    expect(page.locator("#air-train-note")).to_contain_text("Asked for.")
    sent = next(each for each in requests.get(jobs).json()["jobs"] if each["kind"] == "train")["config"]
    assert sent["params"] == config["params"]
    assert sent["learning_rate"] == pytest.approx(config["learning_rate"], rel=1e-9)
    assert {name: sent[name] for name in ("max_depth", "num_boost_round", "seed")} == {
        name: config[name] for name in ("max_depth", "num_boost_round", "seed")
    }
    button(page, "Remove them").click()
    expect(taken).to_be_hidden()
    expect(page.get_by_role("textbox", name="Depth of a tree")).to_have_value("")


def test_two_browsers_watch_one_study_and_cancelling_keeps_what_has_ended(open_screen, public_app, jobs):
    page = open_screen(public_app.url)
    _sign_in(page)
    _search(page, 1000)
    _state(page, "Searching now.")
    other = open_screen(public_app.url)
    _state(other, "Searching now.")
    expect(button(other, "Cancel this study")).to_be_disabled()
    for seen in (page, other):
        expect(_rows(seen).filter(has_text=re.compile("finished|stopped early")).first).to_be_visible(
            timeout=2 * DONE_MS
        )
    many = _rows(page).count()
    expect(_rows(page).nth(many + 2)).to_be_attached(timeout=2 * DONE_MS)
    other.get_by_role("tab", name="Retrain").click()
    expect(other.locator("#air-jobs")).not_to_contain_text("search")
    other.get_by_role("tab", name="Tuning").click()
    button(page, "Cancel this study").click()
    button(page, "No, go on").click()
    button(page, "Cancel this study").click()
    button(page, "Yes, stop it").click()
    for seen in (page, other):
        _state(seen, "Stopped. The trials that had ended are kept.")
        expect(_rows(seen).filter(has_text="running now")).to_have_count(0)
        assert _rows(seen).count() > many
    expect(button(page, "Go on with it")).to_be_enabled()
    expect(button(other, "Go on with it")).to_be_disabled()


def test_what_is_wrong_with_a_search_space_is_said_beside_the_field(open_screen, public_app, jobs):
    before = len(requests.get(jobs).json()["jobs"])
    page = open_screen(public_app.url)
    _sign_in(page)
    unfold(page, "What to try", _field(page, "Depth of a tree: from"))
    faults = {
        "Depth of a tree: from": ("99", "max_depth", "99"),
        "Learning rate: from": ("", "learning_rate", "“From” is empty."),
        "Trees: to": ("<b id='injected'>", "num_boost_round", "is not a number."),
    }
    for label, (typed, name, said) in faults.items():
        _field(page, label).fill(typed)
        expect(page.locator(f"#air-space-fault-{name}")).to_contain_text(said)
        expect(_field(page, label)).to_have_attribute("aria-invalid", "true")
    button(page, "Search").click()
    expect(page.locator("#air-tune-note")).to_contain_text("It is said beside the field.")
    expect(page.locator("#injected")).to_have_count(0)
    assert len(requests.get(jobs).json()["jobs"]) == before
    for box in page.locator("[data-air-space] input[type=checkbox]").all():
        box.uncheck()
    expect(page.locator("#air-space-fault")).to_have_text("Tick at least one parameter to try.")


def test_refusal_of_the_api_is_said_above_its_field(open_screen, public_app):
    page = open_screen(public_app.url)
    _sign_in(page)
    _search(page, 0)
    expect(page.locator("#air-tune-note")).to_contain_text("Something is wrong with “Trials”.")
    expect(page.locator(".air-empty .info-text")).to_have_text(re.compile(r"greater than or equal to 1"))


def test_visitor_through_a_proxy_may_only_look(open_screen, app):
    page = open_screen(app.url, extra_http_headers={"X-Forwarded-For": "192.0.2.7"})
    expect(page.locator("#air-tune-why")).to_contain_text("You came here through a proxy")
    expect(button(page, "Search")).to_be_disabled()
    expect(_rows(page).first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screen_is_accessible_and_fits_a_phone(open_screen, app, scheme):
    page = open_screen(app.url, viewport=PHONE, color_scheme=scheme)
    _rows(page).nth(1).get_by_role("button").click()
    unfold(page, "What to try", _field(page, "Depth of a tree: from"))
    _field(page, "Depth of a tree: from").fill("99")
    expect(page.locator("#air-space-fault-max_depth")).not_to_be_empty()
    assert violations(page) == []
    assert_fits(page)


def _study(trials: int, **options: Any) -> dict[str, Any]:
    return {
        "study": "one",
        "model": "breast-cancer",
        "metric": "validation_logloss",
        "mode": "min",
        "step": "round",
        "created": "2026-01-02T03:04:05+00:00",
        "config": {"space": {"gamma": {"type": "float", "low": 0.0, "high": 2.0}}},
        "importance": None,
        "best": {"trial": "1", "value": 0.1, "params": {"gamma": 0.5}, "config": {"max_depth": 3, "params": {}}},
        "trials": [
            {
                "trial": str(number),
                "state": "finished",
                "params": {"gamma": 0.5},
                "metrics": [{"step": 20, "validation_logloss": 0.1 + number / 1000}],
                "started": 1767323045.0,
                "duration_s": 1.0,
                "stopped_because": "it did all its 20 rounds",
            }
            for number in range(1, trials + 1)
        ],
    } | options


def test_running_study_sends_only_the_trials_that_have_changed():
    whole = study_data.message(_study(500), None)
    assert (len(whole["trials"]), whole["base"]) == (500, 0)
    before = study_data.sent(whole, None)
    assert study_data.message(_study(500), before) is None
    change = study_data.message(_study(501), before)
    assert ([row[0] for row in change["trials"]], change["base"]) == (["501"], whole["number"])
    assert study_data.message(_study(3), before)["base"] == 0


def test_figures_that_are_no_numbers_are_left_out():
    study = _study(1)
    study["trials"][0]["metrics"] += [{"step": 40, "validation_logloss": None}, {"validation_logloss": 1}]
    study["trials"][0]["params"] = {"gamma": "<b>", "new": float("nan")}
    row = study_data.picture(study)["trials"][0]
    assert row[5:] == [[None, None], [[20, 0.101]]]


def test_trial_of_a_study_becomes_a_training_configuration():
    study = _study(2)
    study["trials"][1]["params"] = {"gamma": 1.5, "max_depth": 7}
    taken = handover.found(study, "2")
    assert taken["config"] == {"max_depth": 7, "params": {"gamma": 1.5}}
    assert handover.carried(taken, "breast-cancer", ["max_depth"]) == {"params": {"gamma": 1.5}}
    assert handover.carried(taken, "cifar10", []) == {}
    assert handover.found(study, "3") is None


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"low": "", "high": "5"}, "low", "“From” is empty."),
        ({"low": "1", "high": "x"}, "high", "“To”: “x” is not a number."),
        ({"low": "1", "high": "nan"}, "high", "“To”: “nan” is not a number."),
        ({"low": "1", "high": "2.5"}, "high", "“To” is 2.5; it has to be a whole number."),
        ({"low": "1", "high": "16"}, "high", "“To” is 16; it can be 1 to 15."),
        ({"low": "5", "high": "5"}, "", "“From” is 5 and “To” is 5; “From” has to be the smaller one."),
    ],
)
def test_fault_of_a_range_names_its_field(typed, field, said):
    row = {"name": "max_depth", "type": "int", "on": True, **typed}
    limits = {"max_depth": {"type": "int", "low": 1, "high": 15}}
    assert study_space.check([row], limits) == {"max_depth": {"field": field, "said": said}}
    assert study_space.check([row | {"on": False}], limits) == {"": {"field": "", "said": study_space.NOTHING}}


@pytest.mark.parametrize(
    ("limits", "typed", "said"),
    [
        ({"low": 0, "high": None}, "-1", "“From” is -1; it can be 0 or more."),
        ({"low": None, "high": 9}, "10", "“From” is 10; it can be at most 9."),
    ],
)
def test_parameter_without_an_end_is_held_to_its_other_one(limits, typed, said):
    row = {"name": "gamma", "type": "float", "on": True, "low": typed, "high": "1000000"}
    assert study_space.check([row], {"gamma": limits}) == {"gamma": {"field": "low", "said": said}}
    assert study_space.check([row | {"low": "1"}], {"gamma": limits | {"high": None}}) == {}


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("config.space.max_depth: low must be below high", {"field": "", "said": "Low must be below high"}),
        ("config.space: max_depth.low: input should be 1", {"field": "low", "said": "Input should be 1"}),
        ("config.space.max_depth.high: too high.", {"field": "high", "said": "Too high."}),
    ],
)
def test_refusal_of_a_space_finds_its_row(message, fault):
    row = {"name": "max_depth", "type": "int", "on": True, "low": "1", "high": "2"}
    assert study_space.refused(message, [row]) == {"max_depth": fault}
    assert study_space.refused("config.space: it is empty", [row]) == {}
