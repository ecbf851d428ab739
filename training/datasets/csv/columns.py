"""A whole CSV file as columns of text: Arrow's reader for a plain file, ``Sheet`` for every other.

A file is plain when Arrow reads it as ``Sheet`` does: UTF-8, quotes only around whole cells and none around a line
break, the same number of cells in each row, no cell that is too long. Whatever is not plain is read or refused by
``Sheet``, which knows the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from training.datasets.csv.sheet import DELIMITERS, MAX_CELL, MAX_ROW, Sheet
from training.runs.errors import DataError

QUOTE, NEWLINES, BOM = ord('"'), b"\r\n", b"\xef\xbb\xbf"
SCANNED_BYTES = 16 * 1024**2
CHUNK = 65_536


def read(sheet: Sheet, source: IO[bytes]) -> list[pa.ChunkedArray]:
    """The columns of the sheet's file, every cell as it is in the file; rows whose cells are all empty are left out.

    Raises DataError with the line of a row that is too long or too short, and like ``Sheet.rows``.
    """
    columns = _quickly(sheet, source)
    return _row_by_row(sheet) if columns is None else columns


def _quickly(sheet: Sheet, source: IO[bytes]) -> list[pa.ChunkedArray] | None:
    """The columns of a plain file, else None."""
    if not sheet.is_utf8 or sheet.delimiter not in DELIMITERS:
        return None
    source.seek(0)
    file = (
        pa.memory_map(source.name) if isinstance(getattr(source, "name", None), str) else pa.BufferReader(source.read())
    )
    with file:
        data = file.read_buffer()
        if not _plainly_quoted(np.frombuffer(data, np.uint8), ord(sheet.delimiter)):
            return None
        names = [str(i) for i in range(len(sheet.names))]
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(data),
                read_options=pyarrow.csv.ReadOptions(
                    column_names=names, skip_rows=sheet.header_line, block_size=4 * MAX_ROW
                ),
                parse_options=pyarrow.csv.ParseOptions(delimiter=sheet.delimiter),
                convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
            )
        except (pa.ArrowInvalid, pa.ArrowCapacityError):
            return None
    longest = [pc.max(pc.binary_length(column)).as_py() or 0 for column in table.columns]
    if max(longest) > MAX_CELL or sum(longest) + len(names) > MAX_ROW:
        return None
    return _without_empty_rows(table).columns


def _without_empty_rows(table: pa.Table) -> pa.Table:
    empty = None
    for column in table.columns:
        here = pc.equal(pc.binary_length(column), 0)
        empty = here if empty is None else pc.and_(empty, here)
        if not pc.any(empty).as_py():
            return table
    return table.filter(pc.invert(empty))


def _plainly_quoted(data: np.ndarray, delimiter: int) -> bool:
    """Whether every quote opens or closes a whole cell, or is one of two in a cell; and no cell has a line break."""
    quotes = np.concatenate([np.empty(0, np.int64), *_places(data, QUOTE)])
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    ends = np.array([delimiter, QUOTE, *NEWLINES], np.uint8)
    begin = len(BOM) if data[: len(BOM)].tobytes() == BOM else 0
    opening, closing = quotes[::2], quotes[1::2]
    before, after = data[np.maximum(opening - 1, 0)], data[np.minimum(closing + 1, len(data) - 1)]
    if not (np.isin(before, ends) | (opening == begin)).all():
        return False
    if not (np.isin(after, ends) | (closing == len(data) - 1)).all():
        return False
    return not any((np.searchsorted(quotes, places) % 2).any() for byte in NEWLINES for places in _places(data, byte))


def _places(data: np.ndarray, byte: int) -> Iterator[np.ndarray]:
    """Where a byte is, part by part: a mask of the whole file would take as much memory as the file."""
    for start in range(0, len(data), SCANNED_BYTES):
        yield start + np.flatnonzero(data[start : start + SCANNED_BYTES] == byte)


def _row_by_row(sheet: Sheet) -> list[pa.ChunkedArray]:
    width = len(sheet.names)
    chunks: list[list[pa.Array]] = [[] for _ in range(width)]
    part: list[list[str]] = []
    size = 0

    def keep() -> None:
        for i, cells in enumerate(zip(*part, strict=True)):
            chunks[i].append(pa.array(cells, pa.string()))
        part.clear()

    for line, cells in sheet.rows():
        if len(cells) != width:
            raise DataError(f"Line {line} has {_values(len(cells))} and the header has {width}.")
        part.append(cells)
        size += sum(map(len, cells))
        if len(part) == CHUNK or size > 16 * MAX_ROW:
            keep()
            size = 0
    if part:
        keep()
    return [pa.chunked_array(column, pa.string()) for column in chunks]


def _values(count: int) -> str:
    return f"{count} value{'' if count == 1 else 's'}"
