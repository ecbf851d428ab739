"""Two versions side by side in real Chromium: where they differ, both asked, one discarded; learning from corrections.

`public_app`, `admin`, `browser` and `open_page` come from conftest.py. Version 2 of the app's image model says
the next class for each picture.
"""

from __future__ import annotations

import base64
import json
import re
import time

import pytest
from playwright.sync_api import Page, expect

from models.gate import RULES
from settings import ROOT
from tests.helpers import versions
from tests.helpers.screens import (
    DONE_MS,
    PHONE,
    assert_fits,
    button,
    compare_version,
    give_picture,
    sign_in,
    to_retrain,
    unfold,
    violations,
)
from ui.cards import percent
from ui.client import IMAGES, TABLE
from ui.compare import GATE

SHIP = ROOT / "docs" / "example.png"
SHIFTED = "2"


@pytest.fixture(scope="module")
def models(public_app):
    """The address of the models."""
    return f"{public_app.url}/api/models"


@pytest.fixture(scope="module")
def other_table(public_app, admin):
    """A small version of the table model, which answers some rows otherwise."""
    url = f"{public_app.url}/api/jobs"
    config = {"num_boost_round": 1, "max_depth": 1}
    job = admin.post(url, json={"kind": "train", "model": TABLE, "config": config}).json()["id"]
    deadline = time.monotonic() + DONE_MS / 1000
    while (state := admin.get(f"{url}/{job}").json())["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, state
        time.sleep(0.5)
    assert state["state"] == "succeeded", state
    return state["result"]["version"]


@pytest.fixture
def spare(public_app, admin, models):
    """One more version of the image model, for the length of a test."""
    version = versions.add_shifted(public_app.home, f"spare-{time.time_ns()}")
    yield version
    admin.post(f"{models}/{IMAGES}/versions/{version}/discard")


@pytest.fixture
def worse(public_app, admin, models):
    """One that the gate will refuse."""
    version = versions.add_shifted(public_app.home, f"worse-{time.time_ns()}", {"validation_accuracy": 0.4})
    yield version
    admin.post(f"{models}/{IMAGES}/versions/{version}/discard")


@pytest.fixture
def screen(open_page, public_app) -> Page:
    """The Retrain screen with version 2 of the image model beside the champion."""
    page = to_retrain(open_page(public_app.url))
    _choose(page, "Images: what a picture shows", SHIFTED)
    return page


@pytest.fixture
def table_screen(open_page, public_app, other_table) -> Page:
    """The same with a small version of the table model."""
    page = to_retrain(open_page(public_app.url))
    _choose(page, "Table: malignant or benign", other_table)
    return page


def _choose(page: Page, model: str, version: str) -> None:
    page.get_by_label(model, exact=True).check()
    expect(page.locator("#air-comparison .air-matrix.air-many")).to_have_count(2 if model.startswith("Images") else 0)
    compare_version(page, version)


def _differences(admin, models: str, name: str, version: str) -> dict:
    reply = admin.get(f"{models}/{name}/versions/{version}/differences", params={"n": 24})
    assert reply.status_code == 200, reply.text
    return reply.json()


def _show_differences(page: Page) -> None:
    button(page, "Show where they differ").click()
    expect(page.locator("#air-differ-note")).to_contain_text("get different answers", timeout=DONE_MS)


def test_pictures_answered_differently_are_counted_and_shown(screen, models, admin):
    found = _differences(admin, models, IMAGES, SHIFTED)
    assert found["differing"]
    _show_differences(screen)
    expect(screen.locator("#air-differ-note")).to_contain_text(
        f"{found['differing']:,} of {found['rows']:,} validation pictures get different answers. Version {SHIFTED} is "
        f"right on {found['better']:,} that the champion gets wrong, and wrong on {found['worse']:,}"
    )
    items = screen.locator("ul.air-differ li")
    expect(items).to_have_count(len(found["examples"]))
    for number, example in enumerate(found["examples"]):
        ours, theirs = example["answers"]["version"], example["answers"]["against"]
        word = {ours["label"]: "▲ Better", theirs["label"]: "▼ Worse"}.get(example["label"], "● Both wrong")
        expect(items.nth(number)).to_have_text(
            f"{word}Truth: {example['label']}Champion: {theirs['label']}, {percent(theirs['probability'])}"
            f"Version {SHIFTED}: {ours['label']}, {percent(ours['probability'])}"
        )


def test_rows_answered_differently_show_what_is_unusual_about_them(table_screen, models, other_table, admin):
    found = _differences(admin, models, TABLE, other_table)
    assert found["examples"], "these versions answer all rows the same"
    features = admin.get(f"{models}/{TABLE}/features").json()["features"]
    _show_differences(table_screen)
    rows = table_screen.locator("table.air-differ tbody tr")
    expect(rows).to_have_count(len(found["examples"]))
    row = found["examples"][0]["row"]
    farthest = max(features, key=lambda item: abs(row[item["name"]] - item["median"]) / (item["max"] - item["min"]))
    expect(rows.first).to_contain_text(f"{farthest['name']} {row[farthest['name']]:g} median {farthest['median']:g}")
    expect(rows.first).to_contain_text(f"Truth: {found['examples'][0]['label']}")


def test_differences_vanish_when_another_version_or_model_is_chosen(spare, screen):
    _show_differences(screen)
    give_picture(screen, "air-both-picture", SHIP)
    expect(screen.locator("#air-both-answers h4")).to_have_text(["Champion", f"Version {SHIFTED}"])
    compare_version(screen, spare)
    expect(screen.get_by_text("get different answers")).to_have_count(0)
    expect(screen.locator("ul.air-differ")).to_have_count(0)
    expect(screen.locator("#air-both-answers h4")).to_have_text(["Champion", f"Version {spare}"])
    _show_differences(screen)
    screen.get_by_label("Table: malignant or benign").check()
    expect(screen.get_by_text("get different answers")).to_have_count(0)
    expect(screen.locator("ul.air-differ")).to_have_count(0)
    expect(screen.locator("#air-both-answers h4")).to_have_count(0)


def test_both_answer_a_picture_of_ones_own(screen, public_app, admin):
    url = f"{public_app.url}/api/{IMAGES}/compare?version={SHIFTED}"
    both = admin.post(url, files={"file": SHIP.read_bytes()}).json()
    old, new = (both[who]["predictions"][0] for who in ("champion", "challenger"))
    assert old["label"] != new["label"]
    give_picture(screen, "air-both-picture", SHIP)
    answers = screen.locator("#air-both-answers")
    expect(answers.locator(".air-verdict strong")).to_have_text([old["label"], new["label"]])
    expect(answers.locator(".air-verdict span")).to_have_text([percent(item["probability"]) for item in (old, new)])
    expect(answers).to_contain_text(f"Version {SHIFTED} says {new['label']}, the champion says {old['label']}.")
    expect(answers.get_by_alt_text("The picture that both were asked")).to_be_visible()


def test_a_picture_from_the_differences_is_asked_with_its_truth(screen, public_app, models, admin):
    example = _differences(admin, models, IMAGES, SHIFTED)["examples"][1]
    url = f"{public_app.url}/api/{IMAGES}/compare?version={SHIFTED}"
    both = admin.post(url, files={"file": base64.b64decode(example["image"])}).json()
    labels = [both[who]["predictions"][0]["label"] for who in ("champion", "challenger")]
    _show_differences(screen)
    screen.locator("ul.air-differ button").nth(1).click()
    answers = screen.locator("#air-both-answers")
    expect(answers.locator(".air-verdict strong")).to_have_text(labels)
    expect(answers).to_contain_text(f"The truth is {example['label']}:")
    source = answers.get_by_alt_text("The picture that both were asked").get_attribute("src")
    assert source == f"data:image/png;base64,{example['image']}"


def test_both_answer_a_row_and_broken_ones_get_a_sentence(table_screen, public_app, other_table, admin):
    page = table_screen
    url = f"{public_app.url}/api/{TABLE}/compare?version={other_table}"
    answers, field = page.locator("#air-both-answers"), page.get_by_label("Or paste a row")
    button(page, "Another row").click()
    expect(answers).to_contain_text("The truth is")
    row = json.loads(field.input_value())
    both = admin.post(url, json=row).json()
    labels = [both[who]["predictions"][0]["label"] for who in ("champion", "challenger")]
    expect(answers.locator(".air-verdict strong")).to_have_text(labels)
    field.fill(json.dumps(row | {"mean radius": 99}))
    page.locator("#air-ask-row").click()
    expect(answers).to_contain_text("Outside the range of its training rows: mean radius")
    expect(answers).not_to_contain_text("The truth is")
    for broken in ("{", "[" * 5000, '{"mean radius": NaN}', '{"mean radius": 1e999}', '{"\\ud800": 1}', "[1]", ""):
        field.fill(broken)
        page.locator("#air-ask-row").click()
        expect(answers).to_contain_text("This is not a row: paste one JSON object")
        expect(answers.locator(".air-verdict")).to_have_count(0)
        field.fill(json.dumps(row))
        page.locator("#air-ask-row").click()
        expect(answers.locator(".air-verdict")).to_have_count(2)
    refused = admin.post(url, json={"<b id='injected'>": 1})
    assert 400 <= refused.status_code < 500
    field.fill("{\"<b id='injected'>\": 1}")
    page.locator("#air-ask-row").click()
    expect(answers.locator(".air-problem")).to_have_text(refused.json()["error"]["message"])
    expect(page.locator("#injected")).to_have_count(0)


def test_gate_of_the_page_is_the_gate_of_the_models():
    assert {name: (rule.metric, rule.margin) for name, rule in RULES.items()} == GATE


def test_what_the_gate_will_say_is_told_before_the_button_is_pressed(worse, screen):
    expect(screen.locator("#air-now .air-good")).to_contain_text(
        re.compile(rf"The gate will let version {SHIFTED} pass: .* and up to 0\.5 points less is let pass\.")
    )
    compare_version(screen, worse)
    expect(screen.locator("#air-now .air-warning")).to_contain_text(
        re.compile(rf"The gate will refuse version {worse}: “Right answers” is 40\.0 %, the champion's .* 0\.5 points")
    )


def test_a_version_is_discarded_only_after_a_question(spare, screen, models, admin):
    compare_version(screen, spare)
    expect(button(screen, f"Discard version {spare}")).to_be_disabled()
    sign_in(screen)
    expect(button(screen, f"Discard version {spare}")).to_be_enabled()
    button(screen, f"Discard version {spare}").click()
    expect(button(screen, "Yes, discard it")).to_be_focused()
    expect(screen.get_by_text(f"Discard version {spare}? It is deleted with its files")).to_be_visible()
    button(screen, "No, keep it").click()
    expect(button(screen, "Yes, discard it")).to_have_count(0)
    assert spare in _versions(admin, models)
    button(screen, f"Discard version {spare}").click()
    button(screen, "Yes, discard it").click()
    expect(screen.locator("#air-move-note")).to_have_text(f"Version {spare} is discarded.")
    expect(button(screen, f"Discard version {spare}")).to_have_count(0)
    assert spare not in _versions(admin, models)


def _versions(admin, models: str) -> list[str]:
    return [item["version"] for item in admin.get(f"{models}/{IMAGES}").json()["versions"]]


def test_the_champion_and_the_one_before_cannot_be_discarded(spare, screen, models, admin):
    state = admin.get(f"{models}/{IMAGES}").json()["versions"]
    before = next(item["version"] for item in state if "champion" in item["aliases"])
    sign_in(screen)
    compare_version(screen, spare)
    expect(button(screen, f"Discard version {spare}")).to_be_enabled()
    assert admin.post(f"{models}/{IMAGES}/promote", json={"version": spare}).status_code == 200
    try:
        expect(screen.locator("#air-now")).to_contain_text("The champion cannot be discarded.")
        expect(button(screen, f"Discard version {spare}")).to_be_disabled()
        expect(button(screen, "Show where they differ")).to_have_count(0)
        compare_version(screen, before)
        expect(button(screen, f"Discard version {before}")).to_be_disabled()
        expect(screen.locator("#air-now")).to_contain_text(
            f"Version {before} cannot be discarded: “Take it back” goes back to it."
        )
    finally:
        assert admin.post(f"{models}/{IMAGES}/rollback").status_code == 200


def test_learning_from_corrections_is_offered_when_there_are_some(screen, public_app, admin):
    corrections, jobs = (f"{public_app.url}/api/{name}" for name in ("corrections", "jobs"))
    for item in admin.get(corrections).json()["corrections"]:
        admin.delete(f"{corrections}/{item['id']}")
    tick = screen.get_by_role("checkbox", name="Learn from")
    sign_in(screen)
    expect(tick).to_be_disabled()
    expect(screen.locator("#air-learn")).to_contain_text("There are none yet: correct an answer on the Images screen.")
    wanted = {"image": base64.b64encode(SHIP.read_bytes()).decode(), "label": "ship", "answered": None, "version": None}
    kept = admin.post(corrections, json=wanted).json()["id"]
    try:
        expect(screen.get_by_label("Learn from the one correction")).to_be_enabled()
        tick.check()
        epochs = screen.get_by_role("textbox", name="Epochs")
        unfold(screen, "More options", epochs)
        epochs.fill("500")
        screen.get_by_role("textbox", name="Weight of a correction").fill("1001")
        button(screen, "Train").click()
        expect(screen.locator("#air-train-note")).to_contain_text("config.correction_weight: Input should be less than")
        screen.get_by_role("textbox", name="Weight of a correction").fill("7")
        button(screen, "Train").click()
        expect(screen.locator("#air-job")).to_contain_text(re.compile("500 epochs.*learns from corrections"))
        job = admin.get(jobs).json()["jobs"][0]
        assert (job["config"]["use_corrections"], job["config"]["correction_weight"]) == (True, 7)
        assert admin.post(f"{jobs}/{job['id']}/cancel").status_code in (200, 202)
    finally:
        admin.delete(f"{corrections}/{kept}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_comparison_is_accessible_and_fits_a_phone(spare, open_page, public_app, other_table, scheme):
    page = to_retrain(open_page(public_app.url, viewport=PHONE, color_scheme=scheme))
    sign_in(page)
    for model, version in (("Images: what a picture shows", spare), ("Table: malignant or benign", other_table)):
        _choose(page, model, version)
        _show_differences(page)
        page.locator(".air-differ button").first.click()
        expect(page.locator("#air-both-answers h4")).to_have_count(2)
        expect(page.locator("#air-both-answers")).to_be_in_viewport()
        button(page, f"Discard version {version}").click()
        button(page, "Yes, discard it").wait_for()
        assert violations(page) == []
        assert_fits(page)
