"""The Table screen in real Chromium: what a person sees and can do."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.helpers.clients.screens import TABLE_ANSWER, ask_row, copied_code, run, to_table, violations
from ui.kit.words import percent, signed

VERDICT = f"{TABLE_ANSWER} .air-verdict"
Row = dict[str, float]


@pytest.fixture
def table(open_page: Callable[..., Page], app_url: str) -> Page:
    """The Table screen, once it shows the answer for the medians."""
    return to_table(open_page(app_url))


@pytest.fixture
def medians(http: httpx.Client) -> Row:
    """The row that the form starts with."""
    return {item["name"]: item["median"] for item in http.get("/models/breast-cancer/features").json()["features"]}


def test_form_starts_with_medians_their_answer_and_what_pushed_it(
    table: Page, http: httpx.Client, medians: Row
) -> None:
    assert float(table.get_by_label("mean radius (µm)").input_value()) == pytest.approx(medians["mean radius"])
    prediction = ask_row(http, medians)["predictions"][0]
    expect(table.locator(VERDICT)).to_have_text(prediction["label"])
    expect(table.locator(TABLE_ANSWER)).to_contain_text(percent(prediction["probability_malignant"]))
    expect(table.get_by_text("A demonstration, not medical advice.")).to_be_visible()
    expect(table.get_by_label("worst radius")).not_to_be_visible()
    contributions = prediction["contributions"]
    strongest = sorted((name for name in contributions if name != "bias"), key=lambda name: -abs(contributions[name]))
    pushes = table.locator("#air-table-pushes")
    values = pushes.locator(".air-value")
    for number, name in enumerate(strongest[:8]):
        expect(pushes.locator(".air-name").nth(number)).to_have_text(f"{name} = {medians[name]:g}")
        side = "malignant" if contributions[name] > 0 else "benign"
        expect(values.nth(number)).to_have_text(f"{signed(contributions[name])} pushes toward {side}")
    rest = sum(contributions[name] for name in strongest[8:])
    expect(values.nth(8)).to_contain_text(signed(rest))
    expect(values.nth(9)).to_contain_text(signed(contributions["bias"]))
    expect(pushes).to_contain_text(f"add up to {signed(sum(contributions.values()))}, the logit")


def test_filled_form_gets_the_answer_of_the_api_and_copied_code_the_same(
    table: Page, http: httpx.Client, medians: Row, tmp_path: Path
) -> None:
    changes = {"mean radius": 21.5, "mean area": 1450.0, "mean concave points": 0.15, "worst area": 2100.0}
    table.get_by_role("button", name="Worst values").click()
    for name, value in changes.items():
        table.get_by_label(name).fill(str(value))
    truth = ask_row(http, medians | changes)
    prediction = truth["predictions"][0]
    before = ask_row(http, medians)["predictions"][0]
    assert percent(prediction["probability_malignant"]) != percent(before["probability_malignant"])
    answer = table.locator(TABLE_ANSWER)
    expect(answer).to_contain_text(f"malignant: {percent(prediction['probability_malignant'])}")
    expect(answer.locator(".air-verdict")).to_have_text(prediction["label"])
    expect(answer).to_contain_text(f"version {truth['model']['version']}")
    label, probability = run(copied_code(table), tmp_path)
    assert label == prediction["label"]
    assert float(probability) == pytest.approx(prediction["probability_malignant"], abs=1e-6)


def test_value_that_cannot_be_right_is_marked_at_its_field_and_leaves_no_old_answer(
    table: Page, http: httpx.Client
) -> None:
    features = http.get("/models/breast-cancer/features").json()["features"]
    feature = next(item for item in features if item["name"] == "mean texture")
    field = table.locator(".air-field").filter(has=table.get_by_label("mean texture"))
    expect(field).to_contain_text(f"{feature['min']:g} – {feature['max']:g}")
    expect(field).not_to_contain_text("training range")
    table.get_by_label("mean texture").fill(str(feature["max"] + 5))
    expect(field).to_contain_text(f"Above the training range {feature['min']:g} – {feature['max']:g}")
    expect(table.locator(TABLE_ANSWER)).to_contain_text("mean texture lies outside the range of the training rows")
    table.get_by_label("mean texture").fill(str(feature["median"]))
    expect(field).not_to_contain_text("training range")
    expect(table.locator(TABLE_ANSWER)).not_to_contain_text("outside the range")

    table.get_by_label("mean area").fill("")
    expect(table.locator(TABLE_ANSWER)).to_contain_text("“mean area (µm²)” is empty. Type a number to get an answer.")
    expect(table.locator(VERDICT)).to_have_count(0)
    expect(table.locator("#air-table-pushes")).to_have_text("")
    table.get_by_label("mean area").fill("600")
    expect(table.locator(VERDICT)).to_have_count(1)


def _paste(field: Locator, text: str) -> None:
    field.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    field.press("ControlOrMeta+a")
    field.press("ControlOrMeta+v")


def _answer_to(table: Page, http: httpx.Client, row: Row) -> None:
    """The screen has answered as the API does to this row."""
    probability = ask_row(http, row)["predictions"][0]["probability_malignant"]
    expect(table.locator(TABLE_ANSWER)).to_contain_text(f"malignant: {percent(probability)}")


def test_decimal_comma_is_read_as_it_is_meant(table: Page, http: httpx.Client, medians: Row) -> None:
    field = table.get_by_label("mean radius")
    field.clear()
    field.press_sequentially("21,5")
    expect(field).to_have_value("21.5")
    _answer_to(table, http, medians | {"mean radius": 21.5})
    for pasted, value in (("17,99", 17.99), ("1.5e1", 15), (" 3 ", 3), ("-1,5e-3", -0.0015), ("\u22122", -2)):
        _paste(field, pasted)
        expect(field).to_have_value(str(value))
    _paste(field, "17,99")
    _answer_to(table, http, medians | {"mean radius": 17.99})
    table.get_by_role("button", name="Copy this call as Python code").click()
    expect(table.locator(".air-code .cm-content").filter(visible=True)).to_contain_text('"mean radius": 17.99')
    table.get_by_role("button", name="Copy this call as Python code").click()
    asked = re.search(r"\{.*?\}", copied_code(table), re.DOTALL)
    assert ast.literal_eval(asked[0]) == pytest.approx(medians | {"mean radius": 17.99})
    threshold = table.get_by_label("number input for Threshold")
    threshold.press("ControlOrMeta+a")
    threshold.press_sequentially("0,97")
    expect(table.locator(TABLE_ANSWER)).to_contain_text("the threshold of 97 %")
    _paste(threshold, "0,02")
    expect(table.locator(TABLE_ANSWER)).to_contain_text("the threshold of 2 %")


def test_decimal_sign_outlives_the_same_number_written_back_by_the_page(table: Page) -> None:
    field = table.get_by_label("mean radius")
    for sign in ".,":
        field.clear()
        field.press_sequentially(f"21{sign}")
        field.evaluate("field => field.value = 21")
        field.press_sequentially("5")
        expect(field).to_have_value("21.5")


def test_text_that_is_no_one_number_is_not_pasted_and_said_beside_its_field(table: Page) -> None:
    name = "mean radius"
    field = table.get_by_label(name)
    said = table.locator(".block").filter(has=table.get_by_label(name)).get_by_role("alert")
    before = field.input_value()
    for text in ("1.234,56", "abc", "1 000", "1e999"):
        _paste(field, text)
        expect(said).to_have_text(f"“{text}” is not a number")
    _paste(field, "1,001")
    expect(said).to_have_text("“1,001” may be 1.001 or 1001; type one of these")
    expect(field).to_have_value(before)
    expect(field).to_have_attribute("aria-invalid", "true")
    assert violations(table) == []
    field.fill("17.5")
    expect(said).to_have_count(0)
    field.press_sequentially(",6")
    expect(said).to_have_text("“17.5” has a decimal sign already; type thousands without one")
    field.press("Backspace")
    expect(said).to_have_count(0)
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_threshold_moves_false_alarms_misses_and_the_decision(table: Page, http: httpx.Client, medians: Row) -> None:
    answer = ask_row(http, medians)
    probability = answer["predictions"][0]["probability_malignant"]
    url = f"/models/breast-cancer/versions/{answer['model']['version']}/evaluation"
    steps = {step["threshold"]: step for step in http.get(url).json()["thresholds"]}
    counts = table.locator("#air-table-figures dt + dd")
    expect(counts).to_have_text([str(steps[0.5]["false_alarms"]), str(steps[0.5]["misses"])])
    for threshold in (0.02, 0.97):
        assert steps[threshold] | {"threshold": 0} != steps[0.5] | {"threshold": 0}, "it would show nothing"
        table.get_by_label("number input for Threshold").fill(str(threshold))
        expect(counts).to_have_text([str(steps[threshold]["false_alarms"]), str(steps[threshold]["misses"])])
        decision = "malignant" if probability >= threshold else "benign"
        expect(table.locator(VERDICT)).to_have_text(decision)
        expect(table.locator(TABLE_ANSWER)).to_contain_text(f"the threshold of {100 * threshold:.0f} %")


def test_real_row_shows_its_true_label_until_it_is_changed(table: Page, http: httpx.Client) -> None:
    rows = [
        row
        for seed in range(20)
        for row in http.get("/models/breast-cancer/examples", params={"n": 60, "seed": seed}).json()["examples"]
    ]
    truth = table.locator(TABLE_ANSWER).get_by_text("the true label of this real row is")
    table.get_by_role("button", name="Load a real row").click()
    truth.wait_for()
    shown = float(table.get_by_label("mean area").input_value())
    loaded = next(row for row in rows if row["row"]["mean area"] == pytest.approx(shown))
    label = ask_row(http, loaded["row"])["predictions"][0]["label"]
    expect(table.locator(VERDICT)).to_have_text(label)
    expect(truth).to_have_text(
        f"{'Right' if label == loaded['label'] else 'Wrong'}: the true label of this real row is {loaded['label']}."
    )
    table.get_by_label("mean area").fill(str(shown + 1))
    expect(truth).to_have_count(0)
