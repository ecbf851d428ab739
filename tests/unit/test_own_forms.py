"""The form of a table by the kinds of its columns, its answers in words, and the request that makes a model."""

from __future__ import annotations

import pytest

from tests.helpers.samples import own_models as samples
from ui.compare.differences import outcome, results, sentence
from ui.kit.models import TABLE, Shown
from ui.kit.words import quantity
from ui.predict import cells
from ui.predict.answer import answer_to, remarks
from ui.predict.form import empty_text, row_of, typical, values_of
from ui.predict.pushes import pushes_card
from ui.predict.snippets import row_code
from ui.your_data import wanted

PRICES = samples.FEATURES[samples.PRICES]
FLATS = Shown(samples.PRICES, TABLE, "Flat prices", "What does it cost?", kind="regression", unit="€")
BIRDS = Shown(samples.BIRDS, TABLE, "Penguins", "Which?", kind="multiclass")


def test_form_shows_a_row_of_the_api_and_reads_it_back() -> None:
    row = samples.ROWS[samples.PRICES]
    values = values_of(PRICES, row)
    assert values == [64.0, "", "Old town", "true", "1987-05-01"]
    assert row_of(PRICES, values) == (row, [])
    assert typical(PRICES) == [70.0, "3", "North", "", ""]


def test_empty_number_needs_a_value_only_where_training_rows_had_it_always() -> None:
    row, empty = row_of(PRICES, [None, "", "", "", " "])
    assert row == dict.fromkeys(row)
    assert empty == [PRICES[0]]
    assert empty_text(empty) == "“area (m²)” is empty. Type a number to get an answer."


@pytest.mark.parametrize(
    ("place", "value", "note", "look"),
    [
        (0, 64.0, "20 – 180", []),
        (0, None, "Empty: type a number, say 70", ["air-empty"]),
        (0, 200.0, "Above the training range 20 – 180", ["air-outside"]),
        (1, "", cells.WITHOUT, []),
        (1, "2,5", "1 – 7", []),
        (1, "many", "“many” is not a number", ["air-empty"]),
        (2, "", cells.WITHOUT, []),
        (2, "Harbour", "One of 3", []),
        (2, "Moon", "Not among the training rows", ["air-outside"]),
        (3, "false", "Yes or no", []),
        (4, "1890-01-01", "Outside the training range 1900-01-01 to 2024-06-30", ["air-outside"]),
        (4, "May 1990", "Not a date: type it like 1900-01-01", ["air-empty"]),
    ],
)
def test_each_field_says_what_it_takes_or_what_is_wrong(place: int, value: object, note: str, look: list[str]) -> None:
    assert cells.note_of(PRICES[place], value) == {"info": note, "elem_classes": ["air-field", *look]}


def test_answers_say_what_is_unusual_about_a_row() -> None:
    prediction = {"out_of_range": ["area"], "missing": ["rooms", "lift"], "unseen": ["district"]}
    assert remarks(prediction, {"district": "Moon"}) == [
        "area lies outside the range of the training rows: the model has seen nothing like it.",
        "rooms and lift are empty: answered without them.",
        "district “Moon” was not among the training rows: answered as an unknown value.",
    ]
    assert remarks({"missing": ["age"]}, {}) == ["age is empty: answered without it."]


def test_number_and_one_of_several_classes_are_shown_with_what_pushed_them() -> None:
    row = samples.ROWS[samples.PRICES]
    prediction = samples.answer(samples.PRICES, row)
    answer = answer_to(prediction, FLATS, [], 0.5)
    reply = {"predictions": [prediction], "model": {"name": "m", "version": "1"}, "latency_ms": 1}
    assert "234,500 €" in answer.card(reply, row, "231000")
    assert "The true value of this real row is 231,000 €: the answer is off by 3,500 €." in answer.card(
        reply, row, "231000"
    )
    pushes = pushes_card(prediction["contributions"], row, answer)
    assert "rooms = missing" in pushes
    assert "lift = yes" in pushes
    assert "add up to 234,500 €, the answer" in pushes
    birds = samples.answer(samples.BIRDS, samples.ROWS[samples.BIRDS])
    answer = answer_to(birds, BIRDS, samples.MODELS[samples.BIRDS]["labels"], 0.5)
    assert [share["label"] for share in answer.probabilities] == ["Adelie", "Chinstrap", "Gentoo"]
    assert "pushes away from Adelie" in pushes_card(birds["contributions"], samples.ROWS[samples.BIRDS], answer)


def test_copied_code_has_values_as_python_has_them() -> None:
    row = {"lift": True, "rooms": None, "built": "1987-05-01"}
    code = row_code("http://localhost/api", "flats", row, ["value"])
    assert '    "lift": True,\n    "rooms": None,\n    "built": "1987-05-01"\n}' in code
    assert 'print(answer["value"])' in code
    compile(code, "code", "exec")


@pytest.mark.parametrize(
    ("value", "words"), [(234500.4, "234,500"), (12.345678, "12.35"), (0.00012, "0.00012"), (-1000, "-1,000")]
)
def test_quantities_have_as_many_digits_as_say_something(value: float, words: str) -> None:
    assert quantity(value) == words


@pytest.mark.parametrize(
    ("file", "name", "title"),
    [
        ("Bike shop_orders.csv", "bike-shop-orders", "Bike shop orders"),
        ("2024 Übersicht (neu).parquet", "my-2024-bersicht-neu", "2024 Übersicht (neu)"),
        ("日本.zip", "my", "日本"),
        ("a" * 80 + ".csv", "a" * 40, "A" + "a" * 39),
    ],
)
def test_model_is_named_after_the_file(file: str, name: str, title: str) -> None:
    assert (wanted.name_of({"name": file}), wanted.title_of({"name": file})) == (name, title)


def test_request_says_only_what_the_person_changed() -> None:
    words = {"name": "orders", "title": " Orders ", "question": ""}
    columns = {column["name"]: column for column in wanted.features_of(samples.TABLE)}
    own = {
        "amount": wanted.changes(columns["amount"], True, "number", ["impute-median", "standard"]),
        "colour": wanted.changes(columns["colour"], True, "category", ["one-hot"]),
        "express": wanted.changes(columns["express"], False, "boolean", []),
        "ordered": wanted.changes(columns["ordered"], True, "text", ["standard"]),
        "returned": wanted.changes(columns["returned"], False, "category", []),
    }
    assert wanted.request(samples.TABLE, words, "returned", "binary", "yes", own) == {
        "dataset": "d1",
        "name": "orders",
        "title": "Orders",
        "question": "What is returned?",
        "target": "returned",
        "kind": "binary",
        "positive": "yes",
        "columns": {
            "amount": {"preprocess": ["impute-median", "standard"]},
            "express": {"use": False},
            "ordered": {"kind": "text"},
        },
    }
    assert wanted.request(samples.PICTURES, words, None, "", None, {}) == {
        "dataset": "d2",
        "name": "orders",
        "title": "Orders",
        "question": "What does this picture show?",
    }


def test_positive_class_is_asked_for_where_the_target_has_two() -> None:
    assert wanted.classes_of(samples.TABLE, "returned", "binary") == (["no", "yes"], "yes")
    assert wanted.classes_of(samples.TABLE, "express", "") == (["false", "true"], "true")
    assert wanted.classes_of(samples.TABLE, "colour", "") == ([], None)
    assert wanted.kind_for(samples.TABLE, "returned") == "binary"
    assert wanted.kind_for(samples.TABLE, "amount") == ""


def test_numbers_that_differ_are_compared_by_their_distance_from_the_truth() -> None:
    answers = {
        "version": {"label": "10", "probability": None, "value": 10.0},
        "against": {"label": "14", "probability": None, "value": 14.0},
    }
    example = {"id": "0", "label": "11.5", "row": {"area": 3.0, "lift": None}, "answers": answers}
    found = {"version": "2", "rows": 40, "differing": 3, "better": 2, "worse": 1, "examples": [example]}
    assert outcome(example) == "better"
    assert "Version 2 is nearer to the truth on 2 of them, the champion on 1." in sentence("row", found)
    shown = results(TABLE, found, PRICES)
    assert "Champion: 14<" in shown
    assert "%" not in shown
