"""Two versions side by side in real Chromium: differences, both predict, one is promoted, rolled back, discarded.

Version 2 of the public studio's image model answers the next class for each picture.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from settings import ROOT
from tests.helpers.clients.screens import IMAGES as IMAGE_CHOICE
from tests.helpers.clients.screens import (
    PHONE,
    assert_accessible,
    assert_fits,
    button,
    compare_version,
    give_picture,
    sign_in,
    to_retrain,
)
from tests.helpers.clients.screens import TABLE as TABLE_CHOICE
from tests.helpers.in_process.studio import Studio
from tests.helpers.samples import versions
from ui.kit.words import percent

SHIP = ROOT / "docs" / "example.png"
IMAGES, TABLE = "cifar10", "breast-cancer"
SHIFTED = "2"


@pytest.fixture(scope="module")
def other_table(public: Studio) -> str:
    """A small version of the table model, with different answers to some rows."""
    return versions.add_cut(public.home, 1, "one-tree")


@pytest.fixture
def spare(public: Studio, admin: httpx.Client) -> Iterator[str]:
    """Another version of the image model, during one test."""
    version = versions.add_shifted(public.home, f"spare-{time.time_ns()}")
    yield version
    admin.post(f"/models/{IMAGES}/versions/{version}/discard")


@pytest.fixture
def worse(public: Studio, admin: httpx.Client) -> Iterator[str]:
    """One that the gate will refuse."""
    version = versions.add_shifted(public.home, f"worse-{time.time_ns()}", {"validation_accuracy": 0.4})
    yield version
    admin.post(f"/models/{IMAGES}/versions/{version}/discard")


@pytest.fixture
def screen(open_page: Callable[..., Page], public: Studio) -> Page:
    """The Retrain screen with version 2 of the image model beside the champion."""
    page = to_retrain(open_page(public.url))
    _choose(page, IMAGE_CHOICE, SHIFTED)
    return page


@pytest.fixture
def table_screen(open_page: Callable[..., Page], public: Studio, other_table: str) -> Page:
    """The same with a small version of the table model."""
    page = to_retrain(open_page(public.url))
    _choose(page, TABLE_CHOICE, other_table)
    return page


def _choose(page: Page, model: str, version: str) -> None:
    page.get_by_label(model, exact=True).check()
    expect(page.locator("#air-comparison .air-matrix.air-many")).to_have_count(2 if model.startswith("CIFAR-10") else 0)
    compare_version(page, version)


def _differences(admin: httpx.Client, name: str, version: str) -> dict[str, Any]:
    reply = admin.get(f"/models/{name}/versions/{version}/differences", params={"n": 24})
    assert reply.status_code == 200, reply.text
    return reply.json()


def _show_differences(page: Page) -> None:
    button(page, "Show where they differ").click()
    expect(page.locator("#air-differ-note")).to_contain_text("get different answers")


def _both(admin: httpx.Client, data: bytes) -> list[dict[str, Any]]:
    """The API's own answers of champion and version 2 to a picture."""
    both = admin.post(f"/{IMAGES}/compare", params={"version": SHIFTED}, files={"file": data}).json()
    return [both[who]["predictions"][0] for who in ("champion", "challenger")]


def test_pictures_answered_differently_are_counted_shown_and_asked(screen: Page, admin: httpx.Client) -> None:
    found = _differences(admin, IMAGES, SHIFTED)
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

    example = found["examples"][1]
    screen.locator("ul.air-differ button").nth(1).click()
    answers = screen.locator("#air-both-answers")
    shown = answers.get_by_alt_text("The picture that both were asked")
    labels = [answer["label"] for answer in _both(admin, base64.b64decode(example["image"]))]
    expect(answers.locator(".air-verdict strong")).to_have_text(labels)
    expect(answers).to_contain_text(f"The truth is {example['label']}:")
    expect(shown).to_have_attribute("src", f"data:image/png;base64,{example['image']}")

    old, new = _both(admin, SHIP.read_bytes())
    assert old["label"] != new["label"]
    give_picture(screen, "air-both-picture", SHIP)
    expect(answers.locator(".air-verdict strong")).to_have_text([old["label"], new["label"]])
    expect(answers.locator(".air-verdict span")).to_have_text([percent(item["probability"]) for item in (old, new)])
    expect(answers).to_contain_text(f"Version {SHIFTED} says {new['label']}, the champion says {old['label']}.")
    expect(shown).to_be_visible()
    expect(shown).not_to_have_attribute("src", f"data:image/png;base64,{example['image']}")


def test_rows_answered_differently_show_what_is_unusual_and_both_answer_a_row(
    table_screen: Page, other_table: str, admin: httpx.Client
) -> None:
    page, found = table_screen, _differences(admin, TABLE, other_table)
    assert found["examples"], "these versions answer all rows the same"
    features = admin.get(f"/models/{TABLE}/features").json()["features"]
    _show_differences(page)
    rows = page.locator("table.air-differ tbody tr")
    expect(rows).to_have_count(len(found["examples"]))
    row = found["examples"][0]["row"]
    farthest = max(features, key=lambda item: abs(row[item["name"]] - item["median"]) / (item["max"] - item["min"]))
    expect(rows.first).to_contain_text(f"{farthest['name']} {row[farthest['name']]:g} median {farthest['median']:g}")
    expect(rows.first).to_contain_text(f"Truth: {found['examples'][0]['label']}")

    answers, field = page.locator("#air-both-answers"), page.get_by_label("Or paste a row")
    ask = page.locator("#air-ask-row")
    button(page, "Another row").click()
    expect(answers).to_contain_text("The truth is")
    row = json.loads(field.input_value())
    url = f"/{TABLE}/compare?version={other_table}"
    both = admin.post(url, json=row).json()
    labels = [both[who]["predictions"][0]["label"] for who in ("champion", "challenger")]
    expect(answers.locator(".air-verdict strong")).to_have_text(labels)
    field.fill(json.dumps(row | {"mean radius": 99}))
    ask.click()
    expect(answers).to_contain_text("Outside the range of its training rows: mean radius")
    expect(answers).not_to_contain_text("The truth is")
    for broken in ("{", "[" * 5000, '{"mean radius": NaN}', '{"mean radius": 1e999}', '{"\\ud800": 1}', "[1]", ""):
        field.fill(broken)
        ask.click()
        expect(answers).to_contain_text("This is not a row: paste one JSON object")
        expect(answers.locator(".air-verdict")).to_have_count(0)
        field.fill(json.dumps(row))
        ask.click()
        expect(answers.locator(".air-verdict")).to_have_count(2)
    refused = admin.post(url, json={"<b id='injected'>": 1})
    assert 400 <= refused.status_code < 500
    field.fill("{\"<b id='injected'>\": 1}")
    ask.click()
    expect(answers.locator(".air-problem")).to_have_text(refused.json()["error"]["message"])
    expect(page.locator("#injected")).to_have_count(0)


def test_differences_vanish_when_another_version_or_model_is_chosen(spare: str, screen: Page) -> None:
    _show_differences(screen)
    give_picture(screen, "air-both-picture", SHIP)
    expect(screen.locator("#air-both-answers h4")).to_have_text(["Champion", f"Version {SHIFTED}"])
    compare_version(screen, spare)
    expect(screen.get_by_text("get different answers")).to_have_count(0)
    expect(screen.locator("ul.air-differ")).to_have_count(0)
    expect(screen.locator("#air-both-answers h4")).to_have_text(["Champion", f"Version {spare}"])
    _show_differences(screen)
    screen.get_by_label(TABLE_CHOICE).check()
    expect(screen.get_by_text("get different answers")).to_have_count(0)
    expect(screen.locator("ul.air-differ")).to_have_count(0)
    expect(screen.locator("#air-both-answers h4")).to_have_count(0)


def test_gate_is_announced_says_no_and_may_be_overruled_and_what_is_in_use_is_not_discarded(
    spare: str, worse: str, screen: Page, admin: httpx.Client
) -> None:
    now, note = screen.locator("#air-now"), screen.locator("#air-move-note")
    expect(now.locator(".air-good")).to_contain_text(
        re.compile(rf"The gate will accept version {SHIFTED}: .* and a drop of up to 0\.5 points is allowed\.")
    )
    compare_version(screen, worse)
    expect(now.locator(".air-warning")).to_contain_text(
        re.compile(
            rf"The gate will refuse version {worse}: its validation accuracy is 40\.0 %, the champion's .* 0\.5 points"
        )
    )
    sign_in(screen)
    before = now.locator("strong").first.inner_text().split()[1]
    button(screen, f"Promote version {worse}").click()
    expect(note).to_contain_text("worse by more than the allowed 0.005. If you know better, you can promote it anyway.")
    button(screen, "Promote anyway").click()
    expect(note).to_contain_text(f"Version {worse} is the champion")
    expect(button(screen, "Promote anyway")).to_have_count(0)

    expect(now).to_contain_text("The champion cannot be discarded.")
    expect(button(screen, f"Discard version {worse}")).to_be_disabled()
    expect(button(screen, "Show where they differ")).to_have_count(0)
    compare_version(screen, before)
    expect(button(screen, f"Discard version {before}")).to_be_disabled()
    expect(now).to_contain_text(f"Version {before} cannot be discarded: “Roll back” returns to it.")
    button(screen, "Roll back").click()
    expect(note).to_contain_text(f"Rolled back: version {before} answers again.")

    compare_version(screen, spare)
    discard = button(screen, f"Discard version {spare}")
    expect(discard).to_be_enabled()
    discard.click()
    expect(button(screen, "Yes, discard it")).to_be_focused()
    expect(screen.get_by_text(f"Discard version {spare}? It is deleted with its files")).to_be_visible()
    button(screen, "No, keep it").click()
    expect(button(screen, "Yes, discard it")).to_have_count(0)
    assert spare in _versions(admin)
    button(screen, "Sign out").click()
    expect(discard).to_be_disabled()
    sign_in(screen)
    expect(discard).to_be_enabled()
    discard.click()
    button(screen, "Yes, discard it").click()
    expect(note).to_have_text(f"Version {spare} is discarded.")
    expect(discard).to_have_count(0)
    assert spare not in _versions(admin)


def _versions(admin: httpx.Client) -> list[str]:
    return [item["version"] for item in admin.get(f"/models/{IMAGES}").json()["versions"]]


def test_comparison_is_accessible_and_fits_a_phone(
    spare: str, open_page: Callable[..., Page], public: Studio, other_table: str
) -> None:
    page = to_retrain(open_page(public.url, viewport=PHONE))
    sign_in(page)
    for model, version in (
        (IMAGE_CHOICE, spare),
        (TABLE_CHOICE, other_table),
    ):
        _choose(page, model, version)
        _show_differences(page)
        page.locator(".air-differ button").first.click()
        expect(page.locator("#air-both-answers h4")).to_have_count(2)
        expect(page.locator("#air-both-answers")).to_be_in_viewport()
        button(page, f"Discard version {version}").click()
        button(page, "Yes, discard it").wait_for()
        assert_accessible(page)
        assert_fits(page)
