"""Uploaded rows for a batch prediction: a CSV file, checked line by line, saved as Parquet.

The Parquet file has ``line`` (int64, as an editor counts), a column for each feature (float64, or text for a category
and a text; null where a value is missing), ``error`` (a sentence for a line that cannot be read, else null) and the
columns that the model does not use, as text. It is written in parts, so a large file takes no more memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.table.features import Feature
from training.batch_predict.checking import Check, Problem
from training.datasets.cells import dates, flags
from training.datasets.cells.texts import MISSING
from training.datasets.csv.formulas import is_result, unmark
from training.datasets.csv.given_columns import given_names
from training.datasets.csv.sheet import Sheet
from training.datasets.csv.table import NumberTable, Part
from training.runs.errors import DataError

MAX_FURTHER_COLUMNS = 50
EMPTY = "It is empty; a value is needed."


def check_rows(source: IO[bytes], features: list[Feature], gaps: bool, destination: Path) -> Check:
    """Write the rows of a seekable CSV file as Parquet; returns the check of all.

    A line that cannot be read is kept with its error; ``gaps``: an empty cell is not one. The delimiter is a comma, a
    semicolon or a tab; the numbers may have decimal commas. Raises DataError when the file is not CSV with the
    features.
    """
    sheet = Sheet(source)
    # In a predictions.csv, remove the marks that protect spreadsheets.
    marked = is_result(sheet.names)
    names = unmark(sheet.names) if marked else sheet.names
    wanted = [feature.name for feature in features]
    _refuse_header(names, wanted)
    sheet.refuse_twice()
    numbers = [names.index(feature.name) for feature in features if feature.kind == "number"]
    table = NumberTable(sheet, numbers, gaps)
    others = _Others(sheet, names, [feature for feature in features if feature.kind != "number"], gaps, marked)
    further = {name: i for i, name in given_names(names, wanted).items() if names[i] or i in table.filled}
    schema = pa.schema(
        [("line", pa.int64())]
        + [(feature.name, pa.float64() if feature.is_numeric else pa.string()) for feature in features]
        + [("error", pa.string())]
        + [(name, pa.string()) for name in further]
    )
    check = Check()
    with pq.ParquetWriter(destination, schema) as writer:
        for part in table.parts():
            read, problems = others.of(part)
            for of_row in problems:
                check.count(of_row)
            read |= dict(zip([names[i] for i in numbers], part.matrix.T, strict=True))
            columns = [pa.array(read[one.name], schema.field(one.name).type, from_pandas=True) for one in features]
            writer.write_table(_written(part, columns, problems, schema, list(further.values()), marked))
    if not check.rows:
        raise DataError("The file has a header and no rows.")
    return check


class _Others:
    """The columns of other kinds than numbers. How a column writes its days is decided over the whole file."""

    def __init__(self, sheet: Sheet, names: list[str], features: list[Feature], gaps: bool, marked: bool) -> None:
        self._features, self._gaps, self._marked = features, gaps, marked
        self._at = {feature.name: names.index(feature.name) for feature in features}
        self._values: dict[str, dict[str, tuple[Any, str]]] = {
            feature.name: self._read(feature, sorted(self._texts(sheet, feature.name))) for feature in features
        }

    def _texts(self, sheet: Sheet, name: str) -> set[str]:
        at = self._at[name]
        return {self._cell(cells, at) for _, cells in sheet.rows() if len(cells) == len(sheet.names)}

    def _cell(self, cells: list[str], at: int) -> str:
        cell = unmark([cells[at]])[0] if self._marked else cells[at]
        return cell.strip()

    def _read(self, feature: Feature, texts: list[str]) -> dict[str, tuple[Any, str]]:
        """The value of each text, or its problem."""
        if feature.kind == "boolean":
            found, problem = flags.flags(texts), f"is neither true nor false; {flags.HOW}."
        elif feature.kind == "date":
            found, problem = dates.days(pa.array(texts, pa.large_string())).values, f"is not a date; {dates.HOW}."
        else:
            nothing = MISSING if feature.kind == "category" else {""}
            return {text: (None, "" if self._gaps else EMPTY) if text in nothing else (text, "") for text in texts}
        return {text: self._judged(text, value, problem) for text, value in zip(texts, found.tolist(), strict=True)}

    def _judged(self, text: str, value: float, problem: str) -> tuple[Any, str]:
        if text in MISSING:
            return None, "" if self._gaps else EMPTY
        return (None, f"{text[:40]!r} {problem}") if np.isnan(value) else (value, "")

    def of(self, part: Part) -> tuple[dict[str, list[Any]], list[list[Problem]]]:
        """The columns of a part, and the problems of each of its rows with those of its numbers."""
        problems = [list(found) for found in part.problems]
        columns: dict[str, list[Any]] = {}
        for feature in self._features:
            at, known = self._at[feature.name], self._values[feature.name]
            column: list[Any] = []
            for cells, line, found in zip(part.cells, part.lines, problems, strict=True):
                value, problem = known.get(self._cell(cells, at), (None, "")) if at < len(cells) else (None, "")
                column.append(value)
                if problem and not any(one.column is None for one in found):
                    found.append(Problem(where=f"line {line}", column=feature.name, problem=problem))
            columns[feature.name] = column
        return columns, problems


def _written(
    part: Part,
    columns: list[pa.Array],
    problems: list[list[Problem]],
    schema: pa.Schema,
    further: Sequence[int],
    marked: bool,
) -> pa.Table:
    texts = [[cells[i] if i < len(cells) else "" for cells in part.cells] for i in further]
    if marked:
        texts = list(map(unmark, texts))
    errors = pa.array(map(_sentence, problems), pa.string())
    return pa.table([pa.array(part.lines), *columns, errors, *texts], schema=schema)


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
