"""A table's profile: kinds, missing values, suggestions, suspicions, the target; and refusals in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.datasets import frame
from training.datasets.profile import tables, targets
from training.datasets.profile.columns import look
from training.datasets.profile.reports import ColumnProfile, Profile
from training.runs.errors import DataError

N = 200
DICE = np.random.default_rng(7)
NOISE = DICE.normal(size=N)
LABELS = np.where(DICE.random(N) < 0.4, "yes", "no").tolist()
DAYS = [f"{1 + i % 28:02}.{1 + i % 12:02}.2024" for i in range(N)]
FIVE = [f"k{i}" for i in range(5)]
RARE = ["ok" if i % 9 else "rare" for i in range(N)]
MIXED, OPEN = ["1.5", "2,5"] * 100, ["1.001"] * 199 + ["1.002"]
# As different as the labels, but not equal to them.
GIVEN_AWAY = [5 + abs(one) if label == "yes" else -abs(one) for label, one in zip(LABELS, NOISE, strict=True)]

Cells = list[Any]


def _csv(columns: dict[str, Cells], delimiter: str = ",") -> str:
    rows = zip(*columns.values(), strict=True)
    lines = [delimiter.join(columns), *(delimiter.join(map(str, row)) for row in rows)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def profiled(tmp_path: Path) -> Callable[..., Profile]:
    def profile(content: str | bytes | dict[str, Cells]) -> Profile:
        if isinstance(content, dict):
            content = _csv(content)
        file = tmp_path / "a.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tables.profile(file)

    return profile


@pytest.fixture
def column(profiled: Callable[..., Profile]) -> Callable[[Cells], ColumnProfile]:
    """The profile of one column, called ``a`` unless it says otherwise, beside a target."""

    def profile(cells: Cells, name: str = "a") -> ColumnProfile:
        cells = (cells * N)[:N]
        return profiled({"noise": NOISE.round(3).tolist(), name: cells, "target": LABELS}).columns[1]

    return profile


@pytest.mark.parametrize(
    ("cells", "kind", "steps"),
    [
        (["1.5", "2", "NA", "7"], "number", []),
        (["0", "1", "1"], "number", []),
        (["true", "False", ""], "boolean", []),
        (["ja", "nein"], "boolean", []),
        ([str(100 + i) for i in range(N - 1)] + ["007"], "number", []),
        (["red", "green", "blue", "?"], "category", ["one-hot"]),
        ([f"k{i}" for i in range(11)], "category", ["categories"]),
        (["01067", "80331", "10115"], "category", ["one-hot"]),
        (["2024-01-31", "1999-12-31"], "date", []),
        (DAYS, "date", []),
        (["01/13/2024", "02/03/2024"], "date", []),
        ([f"a longer text of people number {i}" for i in range(N)], "text", ["hash-words"]),
    ],
)
def test_kinds_and_their_steps(column: Callable[..., ColumnProfile], cells: Cells, kind: str, steps: list[str]) -> None:
    found = column(cells)
    assert (found.kind, found.suggestion.kind, found.suggestion.preprocess) == (kind, kind, steps)
    assert found.suggestion.use


def test_figures_of_a_column_are_exact(column: Callable[..., ColumnProfile]) -> None:
    found = column(["3", "NA", "-1.5", "3", ""])
    assert (found.missing, found.distinct, found.min, found.max) == (80, 2, -1.5, 3)
    assert (found.examples, found.suggestion.why) == (["3", "-1.5"], "a number, as it is; 80 missing.")
    found = column(["red", "green", "red", "n/a"])
    assert (found.missing, found.distinct, found.min) == (50, 2, None)
    assert [(one.value, one.count) for one in found.top] == [("red", 100), ("green", 50)]
    found = column(["2024-03-31 09:30", "1969-12-31", "?"])
    assert (found.min, found.max, found.missing) == ("1969-12-31", "2024-03-31 09:30", 66)


@pytest.mark.parametrize(
    ("name", "cells", "kind", "why"),
    [
        ("index", list(range(N)), "identifier", "it counts the rows"),
        ("", list(range(N)), "identifier", "it counts the rows"),
        ("patient_id", [f"p{i}" for i in range(N)], "identifier", "it is an identifier by its name, and has text"),
        (
            "code",
            [f"p{i}" for i in range(N)],
            "identifier",
            "it has another text in each row, and an identifier's name",
        ),
        ("a", [f"p{i}" for i in range(N)], "identifier", "it has another text in each row"),
        ("a", ["x"], "constant", "it has one value in every row"),
        ("a", ["NA"], "constant", "it has no value in any row"),
        ("a", ["7.0"], "constant", "it has one value in every row"),
    ],
)
def test_what_is_no_feature_is_left_out_with_the_reason(
    column: Callable[..., ColumnProfile], name: str, cells: Cells, kind: str, why: str
) -> None:
    found = column(cells, name)
    assert (found.kind, found.suggestion.use, found.suggestion.why) == (kind, False, f"It is left out: {why}.")


@pytest.mark.parametrize(
    ("cells", "warning"),
    [
        (["12", "13", "14", "15", "16", "about 7"], "some cells are no numbers, such as 'about 7'"),
        ([*map(str, NOISE[:199]), "inf"], "some cells are no numbers, such as 'inf'"),
        (["12 kg", "13.5 kg", "7 kg"], "numbers as texts, such as '12 kg'"),
        (["3 Mar 2024", "14 April 2023"], "dates as texts, such as '3 Mar 2024'"),
        (["03/04/2024", "05/06/2023"], "Line 2: '03/04/2024' may be 2024-04-03 or 2024-03-04"),
        (["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "soon"], "some are none, such as 'soon'"),
        ([f"k{i}" for i in range(90)], "90 categories in 200 rows"),
        (["1", "", "", ""], "75% of its cells are empty"),
    ],
)
def test_what_is_odd_about_a_column_is_said(column: Callable[..., ColumnProfile], cells: Cells, warning: str) -> None:
    found = column(cells)
    assert any(warning in one for one in found.warnings), found.warnings


def test_ambiguous_days_and_too_many_categories_are_not_used(column: Callable[..., ColumnProfile]) -> None:
    assert not column(["03/04/2024", "05/06/2023"]).suggestion.use
    assert not column([f"k{i % 120}" for i in range(N)]).suggestion.use


@pytest.mark.parametrize(
    ("leaking", "target", "how"),
    [
        (["a" if label == "yes" else "b" for label in LABELS], LABELS, "in 100.0% of the rows"),
        (GIVEN_AWAY, LABELS, "with an AUC of 1.000"),
        ((3 * NOISE + 7).tolist(), NOISE.tolist(), "with an R² of 1.000"),
        ([f"k{i % 3}" for i in range(N)], [i % 3 for i in range(N)], "in 100.0% of the rows"),
    ],
    ids=["category", "number", "regression", "classes"],
)  # fmt: skip
def test_leak_is_said(profiled: Callable[..., Profile], leaking: Cells, target: Cells, how: str) -> None:
    other = DICE.permutation(N).tolist()
    found = profiled({"fair": other, "leaking": leaking, "target": target})
    assert [len(one.warnings) for one in found.columns] == [0, 1, 0], found.columns
    assert found.columns[1].warnings[0].startswith(f"It alone predicts 'target' {how}")


@pytest.mark.parametrize("names", [["city", "2020"], ["0", "1"], ["no", "y"], ["2019", "2020"]])
def test_header_may_have_numbers(profiled: Callable[..., Profile], names: list[str]) -> None:
    assert [one.name for one in profiled(dict(zip(names, [NOISE.tolist(), LABELS], strict=True))).columns] == names


def test_repeated_rows_are_counted_without_their_index(profiled: Callable[..., Profile]) -> None:
    x = NOISE.round(6).tolist()
    x[50], x[120] = x[3], x[3]
    labels = ["yes" if i in (3, 50, 120) else label for i, label in enumerate(LABELS)]
    found = profiled({"id": list(range(N)), "x": x, "target": labels})
    assert found.problems == ["2 of 200 rows are equal to an earlier one, such as line 52."]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"x": NOISE.tolist(), "y": LABELS}, ("y", "binary", ["no", "yes"], "yes")),
        ({"survived": [int(i % 3 == 0) for i in range(N)], "x": LABELS}, ("survived", "binary", ["0", "1"], "1")),
        ({"x": LABELS, "grade": [i % 4 for i in range(N)]}, ("grade", "multiclass", ["0", "1", "2", "3"], None)),
        ({"x": LABELS, "price": NOISE.tolist()}, ("price", "regression", [], None)),
        ({"x": LABELS, "z": NOISE.tolist()}, ("z", "regression", [], None)),
        ({"kind": FIVE * 40, "id": list(range(N))}, ("kind", "multiclass", FIVE, None)),
        ({"x": NOISE.tolist(), "bad": RARE}, ("bad", "binary", ["ok", "rare"], "rare")),
    ],
)  # fmt: skip
def test_target_is_proposed_with_the_reason(profiled: Callable[..., Profile], columns: dict, expected: tuple) -> None:
    found = profiled(columns).target
    assert (found.column, found.kind, found.labels, found.positive) == expected
    assert found.why.endswith(".")
    assert len(found.why) > 20


def test_what_to_know_about_the_target_is_said(profiled: Callable[..., Profile]) -> None:
    target = ["", "rare", "rare", *["a", "b", "c"] * 64, *["rare"] * 5]
    found = profiled({"x": NOISE.tolist(), "target": target})
    assert found.problems == [
        "1 row has no value of 'target' and cannot be used.",
        "'target' has fewer than 20 rows of rare: answers about them will be unsure.",
    ]
    found = profiled({"x": NOISE.tolist(), "id": list(range(N)), "day": DAYS})
    assert (
        found.target.column == "x" if found.target else "No column looks like a target; choose one." in found.problems
    )


GOOD = {"x": NOISE.round(3).tolist(), "target": LABELS}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty."),
        ("x,target\n", "has a header and no rows."),
        (_csv({"x": NOISE.tolist()}), "The table has one column, 'x'"),
        (_csv(GOOD).split("\n", 1)[1], "The first line looks like a row, not like a header"),
        ("sunny,hot,no\n" + "sunny,hot,no\nrain,mild,yes\n" * 20, "The first line looks like a row"),
        ("\n".join(_csv(GOOD).split("\n")[:11]), "The table has 10 rows; at least 20 are needed."),
        (_csv({"x": NOISE.tolist(), "x ": NOISE.tolist(), "target": LABELS}), "The header has 'x' more than once."),
        (_csv({"x": [""] * N, "y": ["NA"] * N}), "All cells of the table are empty."),
        (_csv(GOOD) + "1,2,3\n", "Line 202 has 3 values and the header has 2."),
        (_csv(GOOD) + "1\n", "Line 202 has 1 value and the header has 2."),
        (_csv(GOOD) + '"1,yes\n', "Line 202, column 'x': a quote opens here and is not closed"),
        (_csv({"x": MIXED, "y": LABELS}, ";"), "Line 3, column 'x': '2,5' has a decimal comma, and line 2 has"),
        (_csv({"x": OPEN, "y": LABELS}, ";"), "Line 2, column 'x': '1.001' may be 1001 or 1.001"),
        (_csv({"x": ["1.5"] * 199 + ["2,5"], "y": LABELS}, ";"), "Line 201, column 'x': '2,5' is not a number"),
        (_csv(GOOD).encode() + b"1,M\xfcller\n", "Line 202 has the byte FC ('ü' in Windows-1252)"),
        (_csv(GOOD) + f"1,{'x' * 40_000}\n", "Line 202, column 'target': the cell has more than 32,767 characters."),
        (b"PAR1" + b"x" * 100, "cannot be read as Parquet"),
        (b"PK\x03\x04" + b"x" * 100, "It is a ZIP archive; unpack it and use the CSV file in it."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100, "It is an Excel workbook (.xls)"),
        ('[{"a": 1, "b": 2},\n' * 50, "It looks like JSON, not like a table"),
        ("<html><p>a,b</p>\n" * 50, "It looks like HTML or XML, not like a table"),
        (b"%PDF-1.7" + b"x" * 100, "It is a PDF"),
        (",".join(f"c{i}" for i in range(5_001)) + "\n", "The header has 5,001 columns; at most 5,000 are allowed."),
    ],
)  # fmt: skip
def test_broken_table_is_refused_in_one_sentence(
    profiled: Callable[..., Profile], content: str | bytes, sentence: str
) -> None:
    with pytest.raises(DataError) as error:
        profiled(content)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("cells", "options", "sentence"),
    [
        (["a"], {}, "has one value, 'a', in all its rows"),
        (["", "NA"], {}, "has no value in any row"),
        (["a", ""], {}, "has one value, 'a', in all its rows"),
        (
            [f"p{i}" for i in range(N)],
            {},
            "is an identifier (it has another text in each row); it cannot be the target.",
        ),
        ([f"k{i % 150}" for i in range(N)], {}, "has 150 classes; a target has at most 100 classes."),
        (["a"] * 3 + ["b"] * 197, {}, "has 3 rows of 'a'; at least 5 rows of each class are needed"),
        (DAYS, {}, "holds dates; a target is a class or a number."),
        (["a", "b"], {"kind": "regression"}, "does not hold numbers"),
        (["a", "b", "c"], {"kind": "binary"}, "has 3 classes; a question with two answers needs two."),
        (["a", "b"], {"kind": "multiclass"}, "has two classes; ask a binary question."),
        (["a", "b"], {"positive": "c"}, "there is no 'c' in 'answer'; there are a and b."),
        (["a", "b", "c"], {"positive": "c"}, "only two have a positive one"),
        (NOISE.tolist(), {"positive": "1"}, "is a number, which has no positive class"),
    ],
)
def test_column_that_cannot_be_the_target_is_refused(
    tmp_path: Path, cells: Cells, options: dict[str, Any], sentence: str
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(_csv({"noise": NOISE.tolist(), "answer": (cells * N)[:N]}))
    with pytest.raises(DataError) as error:
        tables.chosen_target(file, "answer", **options)
    assert sentence in str(error.value)


def test_chosen_target_takes_the_kind_and_the_positive_class(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(_csv({"n": [i % 4 for i in range(N)], "t": LABELS}))
    assert tables.chosen_target(file, "n", kind="regression").labels == []
    assert tables.chosen_target(file, "n").labels == ["0", "1", "2", "3"]
    assert tables.chosen_target(file, "t", positive="no").positive == "no"
    with pytest.raises(DataError, match="There is no column 'x'; there are 'n', 't'"):
        tables.chosen_target(file, "x")


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["1.0", "0", "NA", "1"], ["1", "0", None, "1"]),
        ([" yes", "no", "?", "no "], ["yes", "no", None, "no"]),
        (["01", "02", "", "02"], ["01", "02", None, "02"]),
    ],
)
def test_labels_of_rows_are_those_of_the_target(tmp_path: Path, cells: Cells, labels: list[str | None]) -> None:
    (tmp_path / "a.csv").write_text(_csv({"x": NOISE.tolist(), "target": cells * 50}))
    found = targets.labels_of(look(frame.read(tmp_path / "a.csv"), "target"))
    assert found[:4].tolist() == labels
    assert tables.chosen_target(tmp_path / "a.csv", "target").labels == sorted({one for one in labels if one})


def test_parquet_is_profiled_by_its_types(tmp_path: Path) -> None:
    columns = {
        "n": pa.array(NOISE),
        "b": pa.array([True, None] * 100),
        "d": pa.array(np.arange(N).astype("datetime64[D]")),
        "t": pa.array(["12", "13"] * 100),
        "l": pa.array([[1]] * N),
        "target": pa.array(LABELS).dictionary_encode(),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = {one.name: one for one in tables.profile(tmp_path / "a.parquet").columns}
    assert {name: one.kind for name, one in found.items()} == {
        **{"n": "number", "b": "boolean", "d": "date"},
        **{"t": "number", "l": "text", "target": "boolean"},
    }
    assert (found["d"].min, found["d"].max) == ("1970-01-01", "1970-07-19")
    assert found["t"].warnings == ["It holds numbers that are stored as text."]
    assert "list" in found["l"].warnings[0]
    assert not found["l"].suggestion.use
