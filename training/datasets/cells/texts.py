"""A column of texts as codes of its distinct texts, and which of them stand for a missing value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# What people and programs write where there is no value; in a column of free text only an empty cell is none.
MISSING = frozenset(
    ("", "-", "?", "NA", "na", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN")
    + ("null", "NULL", "Null", "None", "none", "NONE")
)
MARKS = pa.array(sorted(MISSING), pa.large_string())


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def contain(column: pa.ChunkedArray, part: str) -> bool:
    """Whether a text of a column contains ``part``."""
    parts = [chunk.dictionary for chunk in column.chunks] if pa.types.is_dictionary(column.type) else column.chunks
    return any(pc.any(pc.match_substring(texts, part)).as_py() for texts in parts)


@dataclass(frozen=True)
class Texts:
    """The cells of a column: ``array[code]`` is the text of each row, stripped; code -1 has no text.

    Texts that differ by the white space around them are one text with one code.
    """

    codes: np.ndarray
    array: pa.Array

    @cached_property
    def distinct(self) -> list[str]:
        """The distinct texts."""
        return self.array.to_pylist()

    @cached_property
    def counts(self) -> np.ndarray:
        """int64: how many rows have each of the distinct texts."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.array))

    @cached_property
    def missing(self) -> np.ndarray:
        """bool (distinct,): which of the texts stand for a missing value."""
        return pc.is_in(self.array, value_set=MARKS).to_numpy(zero_copy_only=False)

    def spread(self, values: np.ndarray, nothing: object) -> np.ndarray:
        """``values`` of the distinct texts for each row; ``nothing`` where there is no text."""
        return np.append(values, np.array([nothing], values.dtype))[self.codes]

    def first_row(self, chosen: np.ndarray) -> int | None:
        """The first row whose text is one of those chosen, bool (distinct,)."""
        if not chosen.any():
            return None
        return int(np.argmax(np.append(chosen, False)[self.codes]))


def encoded(column: pa.ChunkedArray) -> Texts:
    """The codes of a column of texts."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if not column.num_chunks:
        return Texts(np.empty(0, np.int64), pa.array([], pa.large_string()))
    if not _is_shared(column):
        column = column.unify_dictionaries()
    given = column.chunk(0).dictionary.cast(pa.large_string())
    parts = [pc.fill_null(chunk.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False) for chunk in column.chunks]
    codes = np.concatenate(parts)
    stripped = pc.fill_null(pc.utf8_trim_whitespace(given), "")
    if stripped.equals(given):
        return Texts(codes, given)
    again = stripped.dictionary_encode()
    return Texts(np.append(again.indices.to_numpy().astype(np.int64), -1)[codes], again.dictionary)


def _is_shared(column: pa.ChunkedArray) -> bool:
    """Whether all parts have one dictionary: what Arrow encodes has, and unifying it again costs a pass for each."""
    places = {
        tuple(None if buffer is None else buffer.address for buffer in chunk.dictionary.buffers())
        for chunk in column.chunks
    }
    return len(places) == 1
