"""The file of a batch prediction's answers, as the screen reads it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training import batch_results
from training.batch_predict import _without_formulas
from training.batch_results import PARQUET


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
    names = [*columns, '=HYPERLINK("x")', "@x", "count"]
    table = pa.table([*columns.values(), *[pa.array([1, 2, 3, -4])] * 3], names)
    safe = _without_formulas(table)
    assert safe.column_names == [*columns, '\'=HYPERLINK("x")', "'@x", "count"]
    assert [safe.column(i).to_pylist() for i in range(4)] == [["'=1+1", "a", None, "'-0.5"]] * 4
    assert safe.column("count").to_pylist() == [1, 2, 3, -4]
