"""The page with models of a person's own: one screen a family, forms and answers by the kinds of columns and questions.

The own models are replies of the API (``tests.helpers.in_process.own_models``); the shipped ones are real.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.clients.screens import (
    PHONE,
    TABLE_ANSWER,
    assert_accessible,
    assert_fits,
    button,
    copied_code,
    later,
    to_table,
    unfold,
)
from tests.helpers.in_process.own_models import OwnModels
from tests.helpers.samples import own_models as samples

PUSHES = "#air-table-pushes"


@pytest.fixture
def prices(open_page: Callable[..., Page], own: OwnModels) -> Page:
    """The Table screen with the regression."""
    return _pick(to_table(open_page(own.url)), "Flat prices", "234,500")


def _pick(page: Page, title: str, answer: str) -> Page:
    page.locator("#air-table-model").get_by_role("radio", name=title, exact=True).check()
    expect(page.locator(f"{TABLE_ANSWER} .air-verdict")).to_contain_text(answer)
    return page


def test_picker_is_there_where_a_family_has_several_models_and_follows_them(
    open_page: Callable[..., Page], own: OwnModels
) -> None:
    page = open_page(own.url)
    page.locator(".air-gallery button").first.wait_for()
    expect(page.locator("#air-images-model")).to_be_hidden()
    to_table(page)
    expect(page.locator("#air-table-model label")).to_have_text(["Breast cancer", "Flat prices", "Penguins"])
    _pick(page, "Flat prices", "234,500")
    del own.models[samples.PRICES]
    later(page)
    expect(page.locator("#air-table-model label")).to_have_text(["Breast cancer", "Penguins"])
    expect(page.get_by_label("mean radius")).to_be_visible()
    _pick(page, "Penguins", "Adelie")
    own.models.clear()
    later(page)
    expect(page.locator("#air-table-model")).to_be_hidden()
    expect(page.get_by_label("mean radius")).to_be_visible()
    expect(page.locator(f"{TABLE_ANSWER} .air-verdict")).to_contain_text("benign")


def test_form_of_a_regression_follows_the_kinds_of_its_columns(prices: Page, own: OwnModels) -> None:
    page, answer = prices, prices.locator(TABLE_ANSWER)
    expect(page.get_by_label("area (m²)")).to_have_value("64")
    expect(page.get_by_label("rooms")).to_have_value("")
    expect(page.get_by_role("radio", name="yes", exact=True)).to_be_checked()
    expect(page.get_by_label("built")).to_have_value("1987-05-01")
    expect(answer).to_contain_text("The true value of this real row is 231,000: the answer is off by 3,500.")
    expect(answer).to_contain_text("rooms is empty: answered without it.")
    expect(page.locator("#air-table-threshold")).to_be_hidden()
    expect(page.locator(PUSHES)).to_contain_text("raises it")
    expect(page.locator(PUSHES)).to_contain_text("rooms = missing")
    expect(page.locator(PUSHES)).to_contain_text("add up to 234,500, the answer.")

    page.get_by_role("radio", name="(missing)", exact=True).check()
    expect(answer).to_contain_text("rooms and lift are empty: answered without them.")
    expect(answer).not_to_contain_text("The true value")
    page.get_by_label("rooms").fill("2,5")
    page.get_by_label("district").fill("Moon")
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("district “Moon” was not among the training rows: answered as an unknown value.")
    expect(answer).to_contain_text("lift is empty: answered without it.")
    assert own.asked[-1] == {"area": 64, "rooms": 2.5, "district": "Moon", "lift": None, "built": "1987-05-01"}
    page.get_by_label("area (m²)").fill("")
    expect(answer).to_contain_text("“area (m²)” is empty. Type a number to get an answer.")
    button(page, "Load a real row").click()
    expect(page.get_by_label("area (m²)")).to_have_value("64")
    expect(page.get_by_label("rooms")).to_have_value("")
    code = copied_code(page)
    ast.parse(code)
    assert '"lift": True' in code
    assert '"rooms": None' in code
    assert 'print(answer["value"])' in code


def test_one_of_several_classes_is_shown_with_all_their_probabilities(
    open_page: Callable[..., Page], own: OwnModels
) -> None:
    page = _pick(to_table(open_page(own.url)), "Penguins", "Adelie")
    answer = page.locator(TABLE_ANSWER)
    expect(answer.locator(".air-bars .air-name")).to_have_text(["Adelie", "Chinstrap", "Gentoo"])
    expect(answer).to_contain_text("Right: the true label of this real row is Adelie.")
    expect(page.get_by_label("measure 8")).not_to_be_visible()
    unfold(page, "Values 11 to 12", page.get_by_label("measure 8"))
    expect(page.locator(PUSHES)).to_contain_text("pushes away from Adelie")
    page.get_by_label("remarks").fill("")
    expect(answer).to_contain_text("remarks is empty: answered without it.")
    assert own.asked[-1]["remarks"] is None


def test_forms_of_own_models_are_accessible_and_fit_a_phone(open_page: Callable[..., Page], own: OwnModels) -> None:
    page = _pick(to_table(open_page(own.url, viewport=PHONE)), "Flat prices", "234,500")
    assert_accessible(page)
    assert_fits(page)


def test_own_models_can_be_trained_and_searched_and_predicted_in_batches(
    open_page: Callable[..., Page], own: OwnModels
) -> None:
    page = open_page(own.url)
    for tab, choice in (("Retrain", "#air-train-model"), ("Batch", "#air-batch-model"), ("Tuning", "#air-tune-model")):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(f"{choice} label")).to_have_count(4)
        expect(page.locator(f"{choice} label").nth(2)).to_have_text("Flat prices: What does this flat cost?")
