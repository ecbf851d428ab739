"""Tables as people have them become typed columns, by Arrow's reader or line by line; a wrong cell is named."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.datasets import frame as frames
from training.datasets.cells import dates
from training.datasets.csv import columns
from training.datasets.csv.numbers import COMMA, POINT, reading, readings
from training.datasets.csv.sheet import Sheet
from training.runs.errors import DataError

TABLE = """id,age,smoker,city,seen,note
1,34,yes,Berlin,2024-01-31,all well
2,NA,no, Bonn ,31.12.1999,"a ""b"", c"
3,12.5,?,-,1970-01-02T12:00:00,
"""


def _frame(text: str | bytes) -> frames.Frame:
    return frames.read(io.BytesIO(text.encode() if isinstance(text, str) else text))


def _values(text: str, kind: Any, name: str = "a") -> list[Any]:
    found = frames.values(_frame(text), name, kind)
    return [None if one is None or one != one else one for one in found.tolist()]


def test_columns_have_the_values_of_their_kinds() -> None:
    table = _frame(TABLE)
    assert (table.names, table.rows) == (["id", "age", "smoker", "city", "seen", "note"], 3)
    assert table.cells("city").to_pylist() == ["Berlin", " Bonn ", "-"]
    assert np.array_equal(frames.values(table, "age", "number"), [34, np.nan, 12.5], equal_nan=True)
    assert np.array_equal(frames.values(table, "smoker", "boolean"), [1, 0, np.nan], equal_nan=True)
    assert frames.values(table, "city", "category").tolist() == ["Berlin", "Bonn", None]
    assert frames.values(table, "seen", "date").tolist() == [19753.0, 10956.0, 1.5]
    assert frames.values(table, "note", "text").tolist() == ["all well", 'a "b", c', None]


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("b,a\n1,2\n\n3,abc\n", "number", "Line 4, column 'a': 'abc' is not a number; write it like 12.5."),
        ("a;b\n1.001;x\n", "number", "Line 2, column 'a': '1.001' may be 1001 or 1.001"),
        (
            "a;b\n1.5;x\n2,5;x\n",
            "number",
            "Line 3, column 'a': '2,5' has a decimal comma, and line 2 has '1.5' with a decimal point",
        ),
        ("a,b\n1e40,2\n", "number", "Line 2, column 'a': '1e40' is not a finite number"),
        ("a,b\ninf,2\n", "number", "Line 2, column 'a': 'inf' is not a finite number"),
        ("a,b\nyes,2\nmaybe,3\n", "boolean", "Line 3, column 'a': 'maybe' is neither true nor false"),
        ("a,b\n2024-02-30,2\n", "date", "Line 2, column 'a': '2024-02-30' is not a date; write it like 2024-03-31."),
        ("a,b\n03/04/2024,2\n", "date", "Line 2, column 'a': '03/04/2024' may be 2024-04-03 or 2024-03-04"),
        ("a,b\n1,2\n1,2,3\n", "number", "Line 3 has 3 values and the header has 2."),
        ('a,b\n1,2\n"x,2\n', "number", "Line 3, column 'a': a quote opens here and is not closed"),
        ("a,a\n1,2\n", "number", "The header has 'a' more than once."),
        ("a,b\n", "number", "has a header and no rows"),
        ("", "number", "is empty"),
        ("b,c\n1,2\n", "number", "There is no column 'a'; there are 'b', 'c'."),
        (b"a,b\n1,M\xfcller\n", "text", "Line 2 has the byte FC"),
        (b"PAR1xxxxxxxxxxx", "text", "cannot be read as Parquet"),
    ],
)
def test_wrong_cell_or_file_is_refused_in_one_sentence(text: str | bytes, kind: Any, sentence: str) -> None:
    with pytest.raises(DataError) as error:
        frames.values(_frame(text), "a", kind)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,5", "2", "1.001"], [1.5, 2.0, 1001.0]),
        (["1.234,5", "7", "NaN"], [1234.5, 7.0, None]),
        (["1'000", "2.5", "−3"], [1000.0, 2.5, -3.0]),
        (["1 000", " 7 ", "+5"], [1000.0, 7.0, 5.0]),
        (["1", "2", "3"], [1.0, 2.0, 3.0]),
    ],
)
def test_numbers_follow_the_notation_of_the_file(cells: list[str], values: list[float]) -> None:
    assert _values("a;b\n" + "".join(f"{cell};x\n" for cell in cells), "number") == values


def test_texts_and_dates_do_not_decide_the_notation() -> None:
    rows = "".join(f"1.5;0{day}.03.2024;a, b\n" for day in range(1, 9))
    assert _values(f"a;d;t\n{rows}2.001;09.03.2024;c, d\n", "number")[-1] == 2.001


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["01/02/2024", "13/02/2024"], ["2024-02-01", "2024-02-13"]),
        (["01/02/2024", "02/13/2024"], ["2024-01-02", "2024-02-13"]),
        (["1.2.2024 9:30", "2024/02/03"], ["2024-02-01 09:30", "2024-02-03"]),
        (["05/05/2024", "NA"], ["2024-05-05", None]),
    ],
)
def test_days_are_read_as_people_write_them(cells: list[str], days: list[str | None]) -> None:
    found = _values("a,b\n" + "".join(f"{cell},x\n" for cell in cells), "date")
    assert [day if day is None else dates.written(day) for day in found] == days


def test_reading_of_many_is_that_of_each() -> None:
    dice = random.Random(1)
    texts = ["".join(dice.choices("0123456789.,.,'  -+eE−1", k=dice.randint(1, 8))) for _ in range(20_000)]
    texts += ["e5", "E10", "1,234,567.5", "5.", ".5", "-.5", "1e5", "+1"]
    for sign in (POINT, COMMA):
        each = np.array([np.nan if (one := reading(text, sign)) is None else one for text in texts])
        assert np.array_equal(readings(pa.array(texts, pa.large_string()), sign), each, equal_nan=True)
        assert reading("E5", sign) is None


PIECES = ["1", "2.5", "", "x", " y ", '"q"', '"a,b"', '"say ""no"""', "ü", "a'b", '"two\nlines"', '""', 'in"side']
ENDS = ["\n", "\r\n", "\r"]


@pytest.mark.parametrize("seed", range(60))
def test_quick_reader_reads_what_the_sheet_reads(seed: int) -> None:
    dice = random.Random(seed)
    pieces = PIECES if seed % 3 == 0 else PIECES[:10] if seed % 3 == 1 else PIECES[:5]
    width, end, delimiter = dice.randint(2, 4), dice.choice(ENDS), dice.choice(",;\t")
    rows = [dice.choices(pieces, k=width) for _ in range(30)]
    rows[7] = [""] * width
    lines = [delimiter.join(f"c{i}" for i in range(width)), *(delimiter.join(row) for row in rows), *[""] * (seed % 2)]
    mark = b"\xef\xbb\xbf" if seed % 5 == 0 else b""
    source = io.BytesIO(mark + b"\n" * (seed % 4 == 0) + end.join(lines).encode())
    sheet = Sheet(source)
    quick = columns._quickly(sheet, source)
    try:
        slow = [column.to_pylist() for column in columns._row_by_row(sheet)]
    except DataError:
        assert quick is None
        return
    assert quick is None or [column.to_pylist() for column in quick] == slow
    if seed % 3 == 2 and width < 4:
        assert quick is not None


def test_unnamed_column_has_a_name_if_it_holds_something() -> None:
    table = _frame(",a,\n0,1,\n1,2, \n")
    assert table.names == ["column 1", "a"]


def test_parquet_has_its_own_types(tmp_path: Path) -> None:
    day = np.array(["2024-01-31", "NaT"], "datetime64[ns]")
    columns_ = {
        "n": pa.array([1, None]),
        "b": pa.array([True, None]),
        "d": pa.array(day),
        "t": pa.array(["x", None]),
        "l": pa.array([[1], [2]]),
        "f": pa.array([1.5, float("nan")]),
        "s": pa.array(["1.5", "x"]),
    }
    pq.write_table(pa.table(columns_), tmp_path / "a.parquet")
    table = frames.read(tmp_path / "a.parquet")
    for name, kind, first in [("n", "number", 1), ("b", "boolean", 1), ("d", "date", 19753), ("f", "number", 1.5)]:
        assert np.array_equal(frames.values(table, name, kind), [first, np.nan], equal_nan=True), name
    assert frames.values(table, "t", "text").tolist() == ["x", None]
    assert frames.values(table, "n", "category").tolist() == ["1", None]
    for name, kind, sentence in [
        ("l", "number", "Column 'l' is stored as list<element: int64>, not as a number."),
        ("l", "text", "which a model cannot use"),
        ("s", "number", "Row 2, column 's': 'x' is not a number"),
        ("n", "date", "Column 'n' is stored as int64, not as a date."),
    ]:
        with pytest.raises(DataError) as error:
            frames.values(table, name, kind)
        assert sentence in str(error.value)
