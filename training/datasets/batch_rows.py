"""Rows that people give for a batch prediction: a CSV file, checked line by line, as Parquet.

The Parquet file has ``line`` (int64, as an editor counts), a float64 column for each feature,
``error`` (a sentence for a line that cannot be read, else null) and the columns that the model does
not know, as text. It is written as the lines come, so a large file takes no more memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from settings import LARGEST_NUMBER
from training.datasets.checking import Check, Problem
from training.errors import DataError

CHUNK = 4_096
MAX_FURTHER_COLUMNS = 50
DELIMITERS = ",;\t"
# Columns of the result; a given column of that name is kept under "given …".
RESERVED = {"line", "label", "probability_malignant", "out_of_range", "truth", "error"}
UTF8 = "The file is no UTF-8 text; save it as CSV (UTF-8)."


def check_rows(source: IO[bytes], features: list[str], destination: Path) -> Check:
    """Write the rows of a CSV file as Parquet, and say which are wrong.

    A line that cannot be read is kept with its error. The delimiter is a comma, a semicolon (then
    numbers may have a decimal comma) or a tab. Raises DataError when it is no CSV with the features.
    """
    text = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
    try:
        lines = _Lines(text, features)
        check = Check()
        with pq.ParquetWriter(destination, lines.schema) as writer:
            for chunk in lines.chunks():
                writer.write_table(lines.table(chunk, check))
    except UnicodeDecodeError as error:
        raise DataError(UTF8) from error
    except csv.Error as error:
        raise DataError(f"The file is no CSV: {error}.") from error
    finally:
        text.detach()
    if not check.rows:
        raise DataError("The file has a header and no rows.")
    return check


class _Lines:
    """The lines of a CSV file with a header that names the features."""

    def __init__(self, text: IO[str], features: list[str]) -> None:
        header = text.readline()
        delimiter = max(DELIMITERS, key=header.count)
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        _refuse_header(names, features)
        self.width = len(names)
        self.features = features
        self.decimal_comma = delimiter == ";"
        self._reader = csv.reader(text, delimiter=delimiter)
        self._at = [names.index(feature) for feature in features]
        self._further = {_free(name): i for i, name in enumerate(names) if name and name not in features}
        self.schema = pa.schema(
            [("line", pa.int64()), *((feature, pa.float64()) for feature in features), ("error", pa.string())]
            + [(name, pa.string()) for name in self._further]
        )

    def chunks(self) -> Iterator[list[tuple[int, list[str]]]]:
        """Line numbers with their fields, CHUNK of them at a time; empty lines are left out."""
        chunk = []
        for fields in self._reader:
            if not any(fields):
                continue
            chunk.append((self._reader.line_num + 1, fields))
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def table(self, chunk: list[tuple[int, list[str]]], check: Check) -> pa.Table:
        """The chunk as it is written; every line is counted in ``check``."""
        matrix, errors = self._quickly(chunk), [None] * len(chunk)
        if matrix is None:
            matrix, errors = self._one_by_one(chunk, check)
        else:
            check.rows += len(chunk)
            check.good += len(chunk)
        further = [[fields[i] if i < len(fields) else "" for _, fields in chunk] for i in self._further.values()]
        columns = [pa.array([line for line, _ in chunk]), *map(pa.array, matrix.T), pa.array(errors, pa.string())]
        return pa.table([*columns, *(pa.array(values, pa.string()) for values in further)], schema=self.schema)

    def _quickly(self, chunk: list[tuple[int, list[str]]]) -> np.ndarray | None:
        """float64 (n, features) when everything is good, else None."""
        if any(len(fields) != self.width for _, fields in chunk):
            return None
        try:
            matrix = np.array([[fields[i] for i in self._at] for _, fields in chunk]).astype(np.float64)
        except ValueError:
            return None
        return matrix if (np.abs(matrix) <= LARGEST_NUMBER).all() else None

    def _one_by_one(self, chunk: list[tuple[int, list[str]]], check: Check) -> tuple[np.ndarray, list[str | None]]:
        matrix = np.full((len(chunk), len(self.features)), np.nan)
        errors: list[str | None] = []
        for i, (line, fields) in enumerate(chunk):
            matrix[i], problems = self._row(f"line {line}", fields)
            check.count(problems)
            errors.append(_sentence(problems))
        return matrix, errors

    def _row(self, where: str, fields: list[str]) -> tuple[list[float], list[Problem]]:
        nothing = [float("nan")] * len(self.features)
        if len(fields) != self.width:
            told = f"It has {len(fields)} values and the header has {self.width}."
            return nothing, [Problem(where=where, problem=told)]
        values, problems = [], []
        for feature, i in zip(self.features, self._at, strict=True):
            value, problem = self._number(fields[i].strip())
            values.append(value)
            if problem:
                problems.append(Problem(where=where, column=feature, problem=problem))
        return (nothing, problems) if problems else (values, [])

    def _number(self, text: str) -> tuple[float, str]:
        if not text:
            return np.nan, "It is empty; a number is needed."
        try:
            value = float(text.replace(",", ".") if self.decimal_comma else text)
        except ValueError:
            return np.nan, f"{text[:40]!r} is no number; write it like 12.5."
        if not abs(value) <= LARGEST_NUMBER:
            return np.nan, f"{text[:40]!r} is no finite number of ordinary size."
        return value, ""


def _refuse_header(names: list[str], features: list[str]) -> None:
    if not any(name in features for name in names):
        raise DataError(f"The first line must be a header with the columns {features[0]!r}, {features[1]!r} and so on.")
    missing = [feature for feature in features if feature not in names]
    if missing:
        told = ", ".join(map(repr, missing[:5])) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise DataError(f"The header lacks {told}; it must have all {len(features)} features.")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise DataError(f"The header has {twice[:80]!r} more than once.")
    if len(names) > len(features) + MAX_FURTHER_COLUMNS:
        raise DataError(f"The header has {len(names)} columns; besides the features at most {MAX_FURTHER_COLUMNS}.")


def _free(name: str) -> str:
    return f"given {name}" if name in RESERVED else name


def _sentence(problems: list[Problem]) -> str | None:
    """All that is wrong with a row, as one text."""
    if not problems:
        return None
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return (f"{first.column}: {first.problem}" if first.column else first.problem) + more
