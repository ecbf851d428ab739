"""Numbers that people type or paste. A browser's number field drops a comma: 1,5 would become 15.

The page writes decimal points, so 1.001 is one and a thousandth here. A decimal comma is read as well; what may as
well be thousands (1,001) is refused with both readings. training/datasets/csv/numbers.py is the same for files.
"""

from __future__ import annotations

import math
import re

GROUPED = r"[+-]?[1-9]\d{{0,2}}(?:([{groups}])\d{{3}})(?:\1\d{{3}})*(?:{decimal}\d*)?"
PLAIN = r"[+-]?(?=.?\d)\d*(?:{decimal}\d*)?(?:[eE][+-]?\d+)?"
SPACES = "'’ \u00a0\u2009\u202f"


def shown(value: float) -> str:
    """A number as a field shows it, to the last digit."""
    return f"{value:.15g}"


def number(text: str | None) -> tuple[float | None, str]:
    """The number in a field and "", None and "" for an empty field, or None and what is wrong."""
    text = (text or "").strip().replace("\u2212", "-")
    if not text:
        return None, ""
    point, comma = _reading(text, ".", ","), _reading(text, ",", ".")
    value = comma if point is None else point
    if value is None or not math.isfinite(value):
        return None, f"“{text[:40]}” is not a number"
    if "," in text and point is not None and comma is not None and point != comma:
        return None, f"“{text[:40]}” may be {shown(comma)} or {shown(point)}; type one of these"
    return value, ""


def _reading(text: str, decimal: str, group: str) -> float | None:
    parts = {"decimal": re.escape(decimal), "groups": SPACES + group}
    if not re.fullmatch(PLAIN.format(**parts) + "|" + GROUPED.format(**parts), text, re.ASCII):
        return None
    return float("".join(char for char in text if char not in parts["groups"]).replace(decimal, "."))
