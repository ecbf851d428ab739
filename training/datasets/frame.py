"""A table's file as typed columns; profiles and trainings read it here.

    read(source: str | Path | IO[bytes], name: str = "") -> Frame
    values(frame: Frame, name: str, kind: ColumnKind) -> np.ndarray

    frame.names          list[str]: the columns, in the order of the file; a column without a name is ``column 3``
    frame.rows           int
    frame.cells(name)    pa.ChunkedArray: text as it is in the CSV file ("" where nothing is), Parquet's own type
    frame.where(row)     str: "Line 7" of a CSV file, "Row 6" of a Parquet file, for a row counted from 0

``values`` gives float64 (n,) with NaN for a missing value for ``number``, ``boolean`` (0 or 1) and ``date`` (days since
1970-01-01, the time of day as a fraction); object (n,) of str or None for ``category`` and ``text``. A cell that is not
of the kind raises DataError: ``Line 7, column 'age': 'abc' is not a number; write it like 12.5.``
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.specs import ColumnKind
from settings import FINITE, LARGEST_NUMBER
from training.datasets.cells import dates, flags
from training.datasets.cells.texts import MARKS, Texts, contain, encoded, is_text
from training.datasets.csv import columns
from training.datasets.csv.index_columns import label_of
from training.datasets.csv.numbers import COMMA, POINT, Notation, decides, readings
from training.datasets.csv.sheet import MAX_CELL, Sheet
from training.runs.errors import DataError, innermost

PARQUET = b"PAR1"
MAX_COLUMNS, MAX_CELLS, MAX_STORED = 5_000, 200_000_000, 4 * 1024**3
# Of the cells with a point or a comma, the share that must be numbers (in a sample) where a column takes part in the
# decision which of them is the file's decimal sign.
NUMERIC, SAMPLE = 0.5, 1_000


@dataclass(frozen=True)
class Frame:
    """The columns of a file. ``is_parquet``: their types are its own. ``nameless``: columns without a name in it."""

    names: list[str]
    rows: int
    is_parquet: bool
    _columns: dict[str, pa.ChunkedArray]
    _delimiter: str
    _line: Callable[[int], int]
    nameless: frozenset[str] = frozenset()

    def cells(self, name: str) -> pa.ChunkedArray:
        """A column as it is in the file. Raises DataError when there is none of this name."""
        if name not in self._columns:
            raise DataError(f"There is no column {name[:80]!r}; there are {_listed(self.names)}.")
        return self._columns[name]

    def texts(self, name: str) -> Texts:
        """A column as codes of its distinct texts; what is not text is written as JSON has it."""
        column = self.cells(name)
        return encoded(column if is_text(column.type) else as_texts(name, column))

    def where(self, row: int) -> str:
        """``Line 7``, as an editor counts, or ``Row 6`` of a Parquet file; ``row`` counts from 0."""
        return f"Row {row + 1}" if self.is_parquet else f"Line {self._line(row)}"

    @cached_property
    def notation(self) -> Notation:
        """How the file's numbers are written, decided over all of them."""
        notation = Notation(self._delimiter)
        for name in self.names:
            if is_text(self.cells(name).type):
                self._look(name, notation)
        return notation

    def _look(self, name: str, notation: Notation) -> None:
        column = self.cells(name)
        if not contain(column, COMMA):
            if not contain(column, POINT):
                return
            if plain_numbers(column) is not None:
                cells = column.filter(pc.match_substring(column, POINT)).combine_chunks()
                notation.tally(POINT, len(cells), decides(cells, POINT))
                return
        texts = self.texts(name)
        signed = {sign: _with(sign, texts) for sign in (POINT, COMMA)}
        few = [found.take(np.arange(0, len(found), len(found) // SAMPLE + 1)) for found, _ in signed.values()]
        read = [~np.isnan(readings(found, POINT)) | ~np.isnan(readings(found, COMMA)) for found in few]
        if sum(map(np.sum, read)) < NUMERIC * sum(map(len, read)):
            return
        for sign, (found, counts) in signed.items():
            is_number = ~np.isnan(readings(found, sign))
            if is_number.any():
                notation.tally(sign, int(counts[is_number].sum()), decides(found.filter(pa.array(is_number)), sign))


def _with(sign: str, texts: Texts) -> tuple[pa.Array, np.ndarray]:
    """The distinct texts that have a sign, and the number of rows of each."""
    having = pc.and_(pc.match_substring(texts.array, sign), pc.invert(pa.array(texts.missing)))
    return texts.array.filter(having), texts.counts[having.to_numpy(zero_copy_only=False)]


def read(source: str | Path | IO[bytes], name: str = "") -> Frame:
    """The columns of a CSV or Parquet file, a path or a seekable file; ``name`` is what sentences call it.

    Raises DataError with one sentence.
    """
    if isinstance(source, str | Path):
        name = name or Path(source).name
        try:
            with Path(source).open("rb") as file:
                return _read(file, name, str(source))
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror}.") from error
    return _read(source, name or "The file", None)


def is_parquet(file: IO[bytes]) -> bool:
    """Whether a seekable file is Parquet, by how it begins."""
    file.seek(0)
    return file.read(len(PARQUET)) == PARQUET


def _read(file: IO[bytes], name: str, path: str | None) -> Frame:
    if is_parquet(file):
        return _read_parquet(file, name)
    file.seek(0)
    if not file.read(len(PARQUET)).strip():
        file.seek(0)
        if not file.read(1024).strip():
            raise DataError(f"{name} is empty.")
    sheet = Sheet(file)
    sheet.refuse_twice()
    if len(sheet.names) > MAX_COLUMNS:
        raise DataError(f"The header has {len(sheet.names):,} columns; at most {MAX_COLUMNS:,} are allowed.")
    cells = columns.read(sheet, file)
    rows = len(cells[0]) if cells else 0
    if not rows:
        raise DataError(f"{name} has a header and no rows.")
    kept = [i for i, column in enumerate(cells) if sheet.names[i] or not _is_blank(column)]
    named, nameless = {}, set()
    for i in kept:
        label = label_of(sheet.names[i], i)
        label = label if label not in named else f"{label} (2)"
        named[label] = cells[i]
        if not sheet.names[i]:
            nameless.add(label)
    return Frame(list(named), rows, False, named, sheet.delimiter, _line_in(file, path), frozenset(nameless))


def _is_blank(column: pa.ChunkedArray) -> bool:
    return not pc.any(pc.not_equal(pc.utf8_trim_whitespace(column), "")).as_py()


def _line_in(file: IO[bytes], path: str | None) -> Callable[[int], int]:
    """The line of a row, found by reading the file again: only a sentence about one cell needs it."""

    def line(row: int) -> int:
        if path is None:
            return _line_of(file, row)
        with Path(path).open("rb") as again:
            return _line_of(again, row)

    return line


def _line_of(file: IO[bytes], row: int) -> int:
    return next(line for i, (line, _) in enumerate(Sheet(file).rows()) if i == row)


def _read_parquet(file: IO[bytes], name: str) -> Frame:
    file.seek(0)
    try:
        described = pq.ParquetFile(file)
        names, rows = described.schema_arrow.names, described.metadata.num_rows
        if len(names) > MAX_COLUMNS or rows * len(names) > MAX_CELLS:
            raise DataError(
                f"{name} has {rows:,} rows of {len(names):,} columns; at most {MAX_CELLS:,} cells in {MAX_COLUMNS:,} "
                "columns are allowed."
            )
        groups = [described.metadata.row_group(i).total_byte_size for i in range(described.metadata.num_row_groups)]
        if sum(groups) > MAX_STORED:
            raise DataError(
                f"{name} unpacks to {sum(groups) / 1024**3:.0f} GB; at most {MAX_STORED // 1024**3} are allowed."
            )
        twice = next((one for i, one in enumerate(names) if one in names[:i]), None)
        if twice is not None:
            raise DataError(f"{name} has the column {twice[:80]!r} more than once.")
        texts = [one.name for one in described.schema_arrow if is_text(one.type)]
        file.seek(0)
        table = pq.ParquetFile(file, read_dictionary=texts).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} cannot be read as Parquet: {innermost(error)}") from error
    if not rows:
        raise DataError(f"{name} has columns and no rows.")
    named = {label_of(one.strip(), i): column for i, (one, column) in enumerate(zip(names, table.columns, strict=True))}
    for one, column in named.items():
        if is_text(column.type) and any(
            (pc.max(pc.utf8_length(chunk.dictionary)).as_py() or 0) > MAX_CELL
            for chunk in column.chunks
            if pa.types.is_dictionary(column.type)
        ):
            raise DataError(f"Column {one!r} has a text of more than {MAX_CELL:,} characters.")
    return Frame(list(named), rows, True, named, COMMA, lambda row: row + 1)


def values(frame: Frame, name: str, kind: ColumnKind) -> np.ndarray:
    """A column's values; see the top of this module. Raises DataError with line and column of a wrong cell."""
    if kind in ("category", "text"):
        texts = frame.texts(name)
        nothing = texts.missing if kind == "category" else pc.equal(texts.array, "").to_numpy(zero_copy_only=False)
        known = np.array(texts.distinct, object)
        known[nothing] = None
        return texts.spread(known, None)
    column = frame.cells(name)
    if not is_text(column.type):
        return _typed(frame, name, column, kind)
    return {"number": _numbers, "boolean": _flags, "date": _days}[kind](frame, name)


def refuse(frame: Frame, name: str, row: int, problem: str) -> DataError:
    """The error about one cell: ``Line 7, column 'age': …``."""
    return DataError(f"{frame.where(row)}, column {name[:80]!r}: {problem}")


def plain_numbers(column: pa.ChunkedArray) -> np.ndarray | None:
    """The numbers of a column of texts where each is one as programs write them (12.5) or missing, else None."""
    if pa.types.is_dictionary(column.type):
        return None
    missing = pc.is_in(column, value_set=MARKS.cast(column.type))
    try:
        found = pc.cast(pc.if_else(missing, pa.scalar(None, column.type), column), pa.float64())
    except pa.ArrowInvalid:
        return None
    numbers = found.to_numpy()
    return None if (np.abs(numbers) > LARGEST_NUMBER).any() else numbers


def _numbers(frame: Frame, name: str) -> np.ndarray:
    notation, column = frame.notation, frame.cells(name)
    if notation.decimals == POINT or not any(contain(column, sign) for sign in (POINT, COMMA)):
        quick = plain_numbers(column)
        if quick is not None:
            return quick
    texts = frame.texts(name)
    if notation.is_mixed:
        _refuse_mixed(frame, name, texts)
    read = [readings(texts.array, sign) for sign in notation.decimals]
    both = read[0] if len(read) == 1 else np.where(np.isnan(read[0]), read[1], read[0])
    wrong = np.isnan(both) | (np.abs(both) > LARGEST_NUMBER)
    if len(read) == 2:
        wrong |= ~np.isnan(read[0]) & ~np.isnan(read[1]) & (read[0] != read[1])
    wrong &= ~texts.missing
    row = texts.first_row(wrong)
    if row is not None:
        raise refuse(frame, name, row, notation.number(texts.distinct[texts.codes[row]])[1])
    return texts.spread(np.where(texts.missing, np.nan, both), np.nan)


def _refuse_mixed(frame: Frame, name: str, texts: Texts) -> None:
    """Raise DataError where a column has numbers of both notations, with one of each."""
    only = []
    for sign, other in ((POINT, COMMA), (COMMA, POINT)):
        decides = ~np.isnan(readings(texts.array, sign)) & np.isnan(readings(texts.array, other)) & ~texts.missing
        only.append(texts.first_row(decides))
    point, comma = only
    if point is not None and comma is not None:
        shown = [texts.distinct[texts.codes[row]] for row in (point, comma)]
        raise refuse(
            frame, name, comma,
            f"{shown[1][:40]!r} has a decimal comma, and {frame.where(point).lower()} has {shown[0][:40]!r} with a "
            "decimal point; write all numbers of the file in one way.",
        )  # fmt: skip


def _flags(frame: Frame, name: str) -> np.ndarray:
    texts = frame.texts(name)
    found = flags.flags(texts.distinct)
    row = texts.first_row(np.isnan(found) & ~texts.missing)
    if row is not None:
        raise refuse(frame, name, row, f"{_shown(texts, row)} is neither true nor false; {flags.HOW}.")
    return texts.spread(found, np.nan)


def _days(frame: Frame, name: str) -> np.ndarray:
    texts = frame.texts(name)
    found = dates.days(texts.array)
    row = texts.first_row(found.open & ~texts.missing)
    if row is not None:
        raise refuse(frame, name, row, dates.both(texts.distinct[texts.codes[row]]))
    row = texts.first_row(np.isnan(found.values) & ~texts.missing)
    if row is not None:
        raise refuse(frame, name, row, f"{_shown(texts, row)} is not a date; {dates.HOW}.")
    return texts.spread(found.values, np.nan)


def _shown(texts: Texts, row: int) -> str:
    return repr(texts.distinct[texts.codes[row]][:40])


def _typed(frame: Frame, name: str, column: pa.ChunkedArray, kind: ColumnKind) -> np.ndarray:
    """A number, a boolean or a date of a Parquet column that has a type of its own."""
    stored = column.type
    if pa.types.is_null(stored):
        return np.full(frame.rows, np.nan)
    if kind == "date" and (pa.types.is_date(stored) or pa.types.is_timestamp(stored)):
        return dates.of_arrow(column)
    if kind == "date" or not (is_number(stored) or pa.types.is_boolean(stored)):
        what = {"number": "a number", "boolean": "true or false", "date": "a date"}[kind]
        raise DataError(f"Column {name[:80]!r} is stored as {stored}, not as {what}.")
    numbers = pc.cast(column, pa.float64(), safe=False).to_numpy().astype(np.float64)
    wrong = np.abs(numbers) > LARGEST_NUMBER if kind == "number" else ~np.isnan(numbers) & ~np.isin(numbers, (0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        problem = f"is not {FINITE}." if kind == "number" else f"is neither true nor false; {flags.HOW}."
        raise refuse(frame, name, row, f"'{numbers[row]:g}' {problem}")
    return numbers


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type holds numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def as_texts(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of another type as texts, as JSON and CSV write them: ``3``, ``2.5``, ``true``, ``2024-03-31``."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = pc.cast(column, pa.float64(), safe=False).to_numpy()
        return pa.chunked_array([[None if np.isnan(one) else f"{one:.15g}" for one in numbers.tolist()]], pa.string())
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"Column {name[:80]!r} is stored as {kind}, which a model cannot use.") from error


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
