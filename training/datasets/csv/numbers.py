"""The number format of a CSV file, decided once per file, and its numbers.

``1.001`` is one and a thousandth in a file with decimal points, and one thousand and one in a file with decimal
commas. All numeric cells are inspected before the first is read. An ambiguous number is refused with both readings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from settings import FINITE, LARGEST_NUMBER

POINT, COMMA = ".", ","
# Thousands separators besides the point and the comma: apostrophes, and spaces of all widths.
GROUPS = "'’ \u00a0\u2009\u202f"
MINUS = "\u2212"
# If this share of the numbers with a point or a comma agree, they decide, and the others are refused.
MOST = 0.9
NAMES = {POINT: "decimal points", COMMA: "decimal commas"}


@cache
def _pattern(decimal: str) -> re.Pattern[str]:
    groups = GROUPS + (COMMA if decimal == POINT else POINT)
    fraction = rf"(?:{re.escape(decimal)}\d*)?"
    return re.compile(
        rf"[+-]?(?:(?={re.escape(decimal)}?\d)\d*{fraction}(?:[eE][+-]?\d+)?|[1-9]\d{{0,2}}(?:([{groups}])\d{{3}})(?:\1\d{{3}})*{fraction})",
        re.ASCII,
    )


def reading(text: str, decimal: str) -> float | None:
    """The number in a text whose decimal sign is ``decimal``; None when the text is not a number."""
    text = text.replace(MINUS, "-")
    if not _pattern(decimal).fullmatch(text):
        return None
    return float("".join(char for char in text.replace(decimal, "p") if char not in GROUPS + ".,").replace("p", "."))


@cache
def _pattern_of_arrow(decimal: str) -> str:
    """``_pattern`` without references and looks ahead, which Arrow's expressions do not have."""
    point, exponent = re.escape(decimal), "(?:[eE][+-]?[0-9]+)?"
    fraction = f"(?:{point}[0-9]*)?"
    signs = GROUPS + (COMMA if decimal == POINT else POINT)
    grouped = "|".join(f"[1-9][0-9]{{0,2}}(?:[{sign}][0-9]{{3}})+{fraction}" for sign in signs)
    return f"^[+-]?(?:[0-9]+{fraction}{exponent}|{point}[0-9]+{exponent}|{grouped})$"


def readings(texts: pa.Array, decimal: str) -> np.ndarray:
    """float64 (n,): ``reading`` of each text, NaN for None; much faster for many."""
    plain = texts if decimal == POINT else pc.replace_substring(texts, COMMA, POINT)
    if decimal == POINT or not pc.any(pc.match_substring(texts, POINT)).as_py():
        try:
            # Arrow reads what has a point and no groups; what it calls inf or nan is no number here.
            numbers = pc.cast(plain, pa.float64()).to_numpy(zero_copy_only=False)
            return np.where(np.isinf(numbers), np.nan, numbers)
        except pa.ArrowInvalid:
            pass
    texts = pc.replace_substring(texts, MINUS, "-")
    fits = pc.match_substring_regex(texts, _pattern_of_arrow(decimal))
    texts = pc.if_else(fits, texts, pa.scalar(None, texts.type))
    texts = pc.replace_substring_regex(texts, f"[{GROUPS}{COMMA if decimal == POINT else POINT}]", "")
    numbers = pc.cast(pc.replace_substring(texts, decimal, "."), pa.float64())
    return numbers.to_numpy(zero_copy_only=False)


def decides(texts: pa.Array, decimal: str) -> bool:
    """Whether one of these numbers, which all have this decimal sign, is none by the other; most often the first."""
    other = COMMA if decimal == POINT else POINT
    starts = (0, 1_000, 100_000, len(texts))
    return any(np.isnan(readings(texts[start:end], other)).any() for start, end in pairwise(starts) if start < end)


class Notation:
    """The number format of a file, inferred from its cells."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._seen = {POINT: False, COMMA: False}
        self._written = {POINT: 0, COMMA: 0}
        self._open_commas = False

    def look(self, cells: Iterable[str]) -> None:
        """Inspect the format of some cells."""
        for sign, other in ((POINT, COMMA), (COMMA, POINT)):
            having = [cell for cell in cells if sign in cell]
            self._written[sign] += len(having)
            if not self._seen[sign]:
                self._seen[sign] = any(
                    reading(cell, other) is None and reading(cell, sign) is not None for cell in map(str.strip, having)
                )
            self._open_commas |= sign == COMMA and bool(having)

    def tally(self, sign: str, cells: int, decides: bool) -> None:
        """Note that ``cells`` have this sign, and whether one of them is a number by this decimal sign only."""
        self._written[sign] += cells
        self._seen[sign] |= decides
        self._open_commas |= sign == COMMA and cells > 0

    @property
    def is_mixed(self) -> bool:
        """Whether many numbers have decimal points and many have decimal commas."""
        return all(self._seen.values()) and len(self.decimals) > 1

    @property
    def decimals(self) -> str:
        """The decimal sign of the file, or both where it is ambiguous."""
        point, comma = self._seen[POINT], self._seen[COMMA]
        if point and comma:
            share = self._written[POINT] / (self._written[POINT] + self._written[COMMA])
            return POINT if share >= MOST else COMMA if share <= 1 - MOST else POINT + COMMA
        if point or comma:
            return POINT if point else COMMA
        # With a comma as delimiter the decimal sign is a point, unless a cell contains a comma.
        return POINT if self._delimiter == COMMA and not self._open_commas else POINT + COMMA

    def number(self, text: str) -> tuple[float, str]:
        """The number in a cell and "", or NaN and the problem."""
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
            return math.nan, f"{text[:40]!r} is not {FINITE}."
        return value, ""

    def _no_number(self, text: str) -> str:
        other = COMMA if self.decimals == POINT else POINT
        if len(self.decimals) == 1 and reading(text, other) is not None:
            return f"{text[:40]!r} is not a number in this file, which has {NAMES[self.decimals]}."
        if text.lower().lstrip("+-") in ("inf", "infinity", "nan"):
            return f"{text[:40]!r} is not {FINITE}."
        return f"{text[:40]!r} is not a number; write it like 12{self.decimals[0]}5."

    def matrix(self, cells: Sequence[str], columns: int) -> np.ndarray | None:
        """float64 (n, columns) of the cells, row by row, if all are plain numbers, else None."""
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
        f"{text[:40]!r} may be {thousands:.15g} or {fraction:.15g}: the other numbers of the file do not decide it. "
        f"Write {thousands:.15g}, or {text[:40]}0."
    )
