"""The file of a batch prediction's answers, as the screen reads it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.batch_predict import results as batch_results
from training.batch_predict import run as batch_predict
from training.batch_predict.results import CSV, PARQUET
from training.batch_predict.run import _without_formulas
from training.datasets.csv import formulas


def test_result_is_read_in_parts_and_filtered(tmp_path: Path) -> None:
    labels = ["cat", "dog"] * 50
    table = pa.table(
        {
            "name": [str(i) for i in range(100)],
            "label": pa.array([*labels[:99], None]),
            "unsure": pa.array([i % 10 == 0 for i in range(99)] + [None]),
            "truth": ["cat"] * 100,
            "error": pa.array([None] * 99 + ["It is no picture."]),
        }
    )
    path = tmp_path / PARQUET
    pq.write_table(table, path, row_group_size=30)

    def names(offset: int, limit: int, show: batch_results.Show = "all", label: str | None = None) -> tuple[int, list]:
        total, _, rows = batch_results.rows(path, offset, limit, show, label)
        return total, [int(row["name"]) for row in rows]

    assert names(0, 3) == (100, [0, 1, 2])
    assert names(28, 4) == (100, [28, 29, 30, 31])
    assert names(98, 50) == (100, [98, 99])
    assert names(500, 50) == (100, [])
    assert names(0, 2, "errors") == (1, [99])
    assert names(2, 2, "unsure") == (10, [20, 30])
    assert names(0, 2, "wrong") == (49, [1, 3])
    assert names(10, 2, "all", "dog") == (49, [21, 23])
    assert names(0, 2, "unsure", "dog") == (0, [])
    pq.write_table(table.select(["name", "label", "error"]), path)
    with pytest.raises(ValueError, match="the truth of these rows is not known"):
        names(0, 2, "wrong")


def test_spreadsheet_is_given_no_formula_by_a_column_or_its_name() -> None:
    kinds = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    columns = {f"{i}": pa.array(["=1+1", "a", None, "-0.5"]).cast(kind) for i, kind in enumerate(kinds)}
    names = [*columns, '=HYPERLINK("x")', "@x(1)", "count"]
    table = pa.table([*columns.values(), *[pa.array([1, 2, 3, -4])] * 3], names)
    safe = _without_formulas(table)
    assert safe.column_names == [*columns, '\'=HYPERLINK("x")', "'@x(1)", "count"]
    assert [safe.column(i).to_pylist() for i in range(4)] == [["'=1+1", "a", None, "-0.5"]] * 4
    assert safe.column("count").to_pylist() == [1, 2, 3, -4]


HARMLESS = ["-0.5", "+49 170 1", "@ann", "-", "--", "-1e-05", "+49 (0)170/12-3", "@", "'quoted'", "a=b", "", "7"]
RUN = [
    "=1+1",
    "+A1",
    "-cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "-2+3+cmd|x",
    "+1;DDE()",
    "＝1",
    "- none",
]


def test_text_that_is_no_formula_is_left_as_it_is_and_every_text_can_be_had_back() -> None:
    marked = ["'=1+1", "''@x(", "'-0.5"]
    assert formulas.mark(pa.array(HARMLESS)).to_pylist() == HARMLESS
    assert formulas.mark(pa.array([*RUN, *marked])).to_pylist() == [f"'{text}" for text in [*RUN, *marked]]
    everything = [*HARMLESS, *RUN, *marked]
    assert formulas.unmark(formulas.mark(pa.array(everything)).to_pylist()) == everything
    assert formulas.mark(pa.array([None, "-1"])).to_pylist() == [None, "-1"]


def test_csv_of_a_result_opens_with_umlauts_in_excel(tmp_path: Path) -> None:
    batch_predict._write(tmp_path, iter([pa.table({"name": ["Grün", "=x"]}), pa.table({"name": ["-0.5", None]})]))
    assert (tmp_path / CSV).read_bytes() == '\ufeff"name"\n"Grün"\n"\'=x"\n"-0.5"\n\n'.encode()
    assert pq.read_table(tmp_path / PARQUET)["name"].to_pylist() == ["Grün", "=x", "-0.5", None]
