"""The Your data screen: from a file to a model that answers, and its end. The API's part is replies."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from settings import ROOT
from tests.helpers.clients.screens import (
    PHONE,
    TABLE_ANSWER,
    assert_accessible,
    assert_fits,
    button,
    copied_code,
    give_picture,
    later,
    sign_in,
    unfold,
)
from tests.helpers.in_process.own_models import OwnModels
from tests.helpers.in_process.played import wait_for
from tests.helpers.in_process.studio import Studio
from tests.helpers.samples import own_models as samples


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    """A table; the replies do not depend on what is in it."""
    path = tmp_path / "Bike shop_orders.csv"
    path.write_text("order,amount\n1,12.5\n")
    return path


def _to_screen(page: Page) -> Page:
    page.get_by_role("tab", name="Your data").click()
    page.locator("#air-own-models li, #air-own-models p").first.wait_for()
    return page


def _give(page: Page, path: Path) -> None:
    page.locator("#air-data-file input[type=file]").set_input_files(path)


def test_from_a_table_to_the_model_that_answers_and_its_end(
    open_page: Callable[..., Page], own: OwnModels, table_file: Path, seldom: Path
) -> None:
    page = _to_screen(open_page(own.url))
    _give(page, table_file)
    profile = page.locator("#air-data-profile")
    expect(profile).to_contain_text("Bike shop_orders.csv: 1,000 rows in 7 columns.")
    expect(profile).to_contain_text("2 rows are there twice; they stay together in one part.")
    expect(profile.locator("tbody th")).to_have_count(7)
    expect(profile).to_contain_text("12 (1.2 %)")
    expect(profile).to_contain_text("It counts the rows, so it says nothing about a new one.")
    expect(page.get_by_label("Target column")).to_have_value("returned")
    expect(page.get_by_label("Positive class")).to_have_value("yes")
    expect(page.get_by_text("the last column, with two values")).to_be_visible()
    expect(page.get_by_role("checkbox", name="order", exact=True)).not_to_be_checked()
    page.get_by_role("checkbox", name="express", exact=True).uncheck()
    page.get_by_label("Title").fill("Orders")
    code = copied_code(page)
    ast.parse(code)
    assert '"name": "bike-shop-orders"' in code
    button(page, "Create and train").click()
    expect(page.locator("#air-data-job")).to_contain_text("Training now.")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "40")
    assert own.created == [
        {
            "dataset": "d1",
            "name": "bike-shop-orders",
            "title": "Orders",
            "question": "What is returned?",
            "target": "returned",
            "kind": "binary",
            "positive": "yes",
            "columns": {"express": {"use": False}},
        }
    ]
    assert own.jobs[0]["model"] == "bike-shop-orders"
    own.state = "succeeded"
    later(page)
    expect(page.locator("#air-data-job")).to_contain_text("It answers now.")
    expect(button(page, "Open “Orders”")).to_be_visible()

    button(page, "Open Flat prices").click()
    expect(page.get_by_role("tab", name="Table")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#air-table-model").get_by_role("radio", name="Flat prices")).to_be_checked()
    expect(page.locator(f"{TABLE_ANSWER} .air-verdict")).to_contain_text("234,500")
    _to_screen(page)
    button(page, "Delete Orders").click()
    button(page, "No, keep it").click()
    expect(button(page, "Yes, delete it")).to_be_hidden()
    button(page, "Delete Orders").click()
    expect(
        page.get_by_text("Delete the model Orders? Its versions, its data and its address are deleted.")
    ).to_be_visible()
    button(page, "Yes, delete it").click()
    expect(page.get_by_text("The model bike-shop-orders is deleted, with its data.")).to_be_visible()
    expect(page.locator("#air-own-models li")).to_have_count(2)
    assert list(own.models) == [samples.PRICES, samples.BIRDS]
    wait_for(lambda: not list(seldom.rglob(table_file.name)))  # the page keeps no copy


def test_another_target_is_answered_as_the_data_says(
    open_page: Callable[..., Page], own: OwnModels, table_file: Path
) -> None:
    page = _to_screen(open_page(own.url))
    _give(page, table_file)
    suspicious = page.locator("#air-data-suspicious")
    for target, sentence in (
        ("ordered", "Column 'ordered' holds dates; a target is a class or a number."),
        ("amount", "colour: It alone predicts 'amount' with an R² of 0.990."),
    ):
        expect(suspicious).not_to_contain_text(sentence)
        page.get_by_label("Target column").click()
        page.get_by_role("option", name=target).click()
        expect(suspicious).to_have_text(sentence)
    expect(page.get_by_role("radio", name="As the data says")).to_be_checked()
    expect(page.get_by_label("Positive class")).to_be_hidden()
    button(page, "Create and train").click()
    expect(page.locator("#air-data-job")).to_contain_text("Training now.")
    assert own.created[0]["target"] == "amount"
    assert not {"kind", "positive"} & own.created[0].keys()


def test_pictures_come_as_a_zip_file_and_a_refusal_is_one_sentence(
    open_page: Callable[..., Page], own: OwnModels, tmp_path: Path
) -> None:
    page = _to_screen(open_page(own.url))
    broken = tmp_path / "broken.csv"
    broken.write_text("no header")
    _give(page, broken)
    expect(page.locator("#air-data-reading")).to_have_text("line 1: the first line must name the columns.")
    archive = tmp_path / "shapes.zip"
    archive.write_bytes(b"PK")
    _give(page, archive)
    expect(page.locator("#air-data-profile")).to_contain_text("shapes.zip: 60 pictures of 2 classes.")
    expect(page.locator("#air-data-profile")).to_contain_text("circle/7.png cannot be read as a picture.")
    expect(page.get_by_label("Target column")).to_be_hidden()
    page.get_by_role("textbox", name="Name").fill("flat-prices")
    button(page, "Create and train").click()
    expect(page.get_by_text("There is a model flat-prices already; choose another name.")).to_be_visible()
    button(page, "Take another file").click()
    expect(page.locator("#air-data-form")).to_be_hidden()
    assert own.forgotten == ["d2"]


def test_classes_are_made_of_pictures_that_are_given_one_by_one(
    open_page: Callable[..., Page], own: OwnModels, picture: Path, tmp_path: Path
) -> None:
    page = _to_screen(open_page(own.url))
    other = tmp_path / "other.png"
    other.write_bytes((ROOT / "docs" / "example.png").read_bytes())
    field = page.get_by_label("Class", exact=True)
    unfold(page, "Or take pictures here", field)
    give_picture(page, "air-shots-picture", picture)
    expect(page.locator("#air-shots-note")).to_have_text("Name the class first, then give the picture again.")
    for number, (label, path) in enumerate((("cup", picture), ("tea/pot", other)), 1):
        field.fill(label)
        give_picture(page, "air-shots-picture", path)
        expect(page.locator("#air-shots-list li")).to_have_count(number)
    expect(page.locator("#air-shots-list")).to_contain_text("tea pot 1 picture")
    button(page, "Remove the class tea pot").click()
    expect(button(page, "Use these pictures")).to_be_disabled()
    give_picture(page, "air-shots-picture", other)
    button(page, "Use these pictures").click()
    expect(page.locator("#air-data-profile")).to_contain_text("60 pictures of 2 classes")
    assert b"cup/1.png" in own.sent[0]
    assert b"tea pot/1.png" in own.sent[0]
    expect(page.locator("#air-shots")).to_be_hidden()


def test_visitors_see_the_models_and_why_they_cannot_add_one(open_page: Callable[..., Page], public: Studio) -> None:
    with OwnModels(public, samples.PRICES) as own:
        page = _to_screen(open_page(own.url))
        expect(page.locator("#air-data-why")).to_contain_text("Sign in first")
        expect(page.locator("#air-data-file")).to_be_hidden()
        expect(button(page, "Open Flat prices")).to_be_visible()
        expect(button(page, "Delete Flat prices")).to_have_count(0)
        sign_in(page)
        expect(page.locator("#air-data-file")).to_be_visible()
        expect(button(page, "Delete Flat prices")).to_be_visible()
        page.goto("about:blank")


def test_screen_is_accessible_and_fits_a_phone(
    open_page: Callable[..., Page], own: OwnModels, table_file: Path
) -> None:
    page = _to_screen(open_page(own.url, viewport=PHONE))
    _give(page, table_file)
    expect(page.get_by_label("colour holds")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)
