"""Uploaded rows for a batch prediction: a CSV file, checked line by line, saved as Parquet.

The Parquet file has ``line`` (int64, as an editor counts), a float64 column for each feature,
``error`` (a sentence for a line that cannot be read, else null) and the columns that the model does
not use, as text. It is written in parts, so a large file takes no more memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from training.batch_predict.checking import Check, Problem
from training.datasets.csv.formulas import is_result, unmark
from training.datasets.csv.given_columns import given_names
from training.datasets.csv.sheet import Sheet
from training.datasets.csv.table import NumberTable, Part
from training.runs.errors import DataError

MAX_FURTHER_COLUMNS = 50


def check_rows(source: IO[bytes], features: list[str], destination: Path) -> Check:
    """Write the rows of a seekable CSV file as Parquet; returns the check of all.

    A line that cannot be read is kept with its error. The delimiter is a comma, a semicolon or a tab; the numbers
    may have decimal commas. Raises DataError when the file is not CSV with the features.
    """
    sheet = Sheet(source)
    # In a predictions.csv, remove the marks that protect spreadsheets.
    marked = is_result(sheet.names)
    names = unmark(sheet.names) if marked else sheet.names
    _refuse_header(names, features)
    sheet.refuse_twice()
    table = NumberTable(sheet, [names.index(feature) for feature in features])
    further = {name: i for i, name in given_names(names, features).items() if names[i] or i in table.filled}
    schema = pa.schema(
        [("line", pa.int64()), *((feature, pa.float64()) for feature in features), ("error", pa.string())]
        + [(name, pa.string()) for name in further]
    )
    check = Check()
    with pq.ParquetWriter(destination, schema) as writer:
        for part in table.parts():
            for problems in part.problems:
                check.count(problems)
            writer.write_table(_written(part, schema, list(further.values()), marked))
    if not check.rows:
        raise DataError("The file has a header and no rows.")
    return check


def _written(part: Part, schema: pa.Schema, further: Sequence[int], marked: bool) -> pa.Table:
    texts = [[cells[i] if i < len(cells) else "" for cells in part.cells] for i in further]
    if marked:
        texts = list(map(unmark, texts))
    errors = pa.array(map(_sentence, part.problems), pa.string())
    return pa.table([pa.array(part.lines), *part.matrix.T, errors, *texts], schema=schema)


def _refuse_header(names: list[str], features: list[str]) -> None:
    if not any(name in features for name in names):
        raise DataError(f"The first line must be a header with the columns {features[0]!r}, {features[1]!r} and so on.")
    missing = [feature for feature in features if feature not in names]
    if missing:
        lacking = ", ".join(map(repr, missing[:5])) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise DataError(f"The header lacks {lacking}; it must have all {len(features)} features.")
    if len(names) > len(features) + MAX_FURTHER_COLUMNS:
        raise DataError(f"The header has {len(names)} columns; besides the features at most {MAX_FURTHER_COLUMNS}.")


def _sentence(problems: list[Problem]) -> str | None:
    """The problems of a row as one text."""
    if not problems:
        return None
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return (f"{first.column}: {first.problem}" if first.column else first.problem) + more
