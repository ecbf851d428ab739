"""How a CSV file writes its numbers, decided once for the file, and the numbers themselves.

``1.001`` is one and a thousandth where the file has decimal points, and one thousand and one where it has decimal
commas. All cells of numbers are looked at before the first is read. What stays open is refused with both readings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from settings import LARGEST_NUMBER

POINT, COMMA = ".", ","
# Besides the point or the comma: apostrophes, and spaces of all widths.
GROUPS = "'’ \u00a0\u2009\u202f"
MINUS = "\u2212"
# Of the numbers with a point or a comma: so many written alike decide, and the others are refused.
MOST = 0.9
NAMES = {POINT: "decimal points", COMMA: "decimal commas"}


@cache
def _pattern(decimal: str) -> re.Pattern[str]:
    groups = GROUPS + (COMMA if decimal == POINT else POINT)
    fraction = rf"(?:{re.escape(decimal)}\d*)?"
    return re.compile(
        rf"[+-]?(?:(?=.?\d)\d*{fraction}(?:[eE][+-]?\d+)?|[1-9]\d{{0,2}}(?:([{groups}])\d{{3}})(?:\1\d{{3}})*{fraction})",
        re.ASCII,
    )


def reading(text: str, decimal: str) -> float | None:
    """A number whose decimal sign is ``decimal``; None when it is none."""
    text = text.replace(MINUS, "-")
    if not _pattern(decimal).fullmatch(text):
        return None
    return float("".join(char for char in text.replace(decimal, "p") if char not in GROUPS + ".,").replace("p", "."))


class Notation:
    """What the cells of a file say about its numbers."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._seen = {POINT: False, COMMA: False}
        self._written = {POINT: 0, COMMA: 0}
        self._open_commas = False

    def look(self, cells: Iterable[str]) -> None:
        """Take note of how some cells are written."""
        for sign, other in ((POINT, COMMA), (COMMA, POINT)):
            having = [cell for cell in cells if sign in cell]
            self._written[sign] += len(having)
            if not self._seen[sign]:
                self._seen[sign] = any(
                    reading(cell, other) is None and reading(cell, sign) is not None for cell in map(str.strip, having)
                )
            self._open_commas |= sign == COMMA and bool(having)

    @property
    def decimals(self) -> str:
        """The decimal sign of the file, or both where nothing decides."""
        point, comma = self._seen[POINT], self._seen[COMMA]
        if point and comma:
            share = self._written[POINT] / (self._written[POINT] + self._written[COMMA])
            return POINT if share >= MOST else COMMA if share <= 1 - MOST else POINT + COMMA
        if point or comma:
            return POINT if point else COMMA
        # A comma between the cells leaves the point for decimals, as long as no cell has a comma of its own.
        return POINT if self._delimiter == COMMA and not self._open_commas else POINT + COMMA

    def number(self, text: str) -> tuple[float, str]:
        """The number in a cell and "", or NaN and what is wrong with it."""
        text = text.strip()
        if not text:
            return math.nan, "It is empty; a number is needed."
        readings = {sign: value for sign in self.decimals if (value := reading(text, sign)) is not None}
        if not readings:
            return math.nan, self._no_number(text)
        values = set(readings.values())
        if len(values) > 1:
            return math.nan, _both(text, readings)
        value = values.pop()
        if not abs(value) <= LARGEST_NUMBER:
            return math.nan, f"{text[:40]!r} is no finite number of ordinary size."
        return value, ""

    def _no_number(self, text: str) -> str:
        other = COMMA if self.decimals == POINT else POINT
        if len(self.decimals) == 1 and reading(text, other) is not None:
            return f"{text[:40]!r} is no number of this file, which has {NAMES[self.decimals]}."
        if text.lower().lstrip("+-") in ("inf", "infinity", "nan"):
            return f"{text[:40]!r} is no finite number of ordinary size."
        return f"{text[:40]!r} is no number; write it like 12{self.decimals[0]}5."

    def matrix(self, cells: Sequence[str], columns: int) -> np.ndarray | None:
        """float64 (n, columns) of cells row by row when all are plain numbers, else None."""
        if len(self.decimals) > 1:
            return None
        texts = pa.array(cells, pa.large_string())
        if self.decimals == COMMA:
            if pc.any(pc.match_substring(texts, POINT)).as_py():
                return None
            texts = pc.replace_substring(texts, COMMA, POINT)
        try:
            numbers = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            return None
        return numbers.reshape(-1, columns) if (np.abs(numbers) <= LARGEST_NUMBER).all() else None


def _both(text: str, readings: dict[str, float]) -> str:
    point, comma = readings[POINT], readings[COMMA]
    fraction, thousands = sorted((point, comma), key=abs)
    return (
        f"{text[:40]!r} is {thousands:.15g} or {fraction:.15g}: the other numbers of the file do not tell which. "
        f"Write {thousands:.15g}, or {text[:40]}0."
    )
