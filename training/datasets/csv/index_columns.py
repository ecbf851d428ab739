"""Columns of a training table that number its rows: the index that pandas' ``to_csv()`` writes, and identifiers.

They are not features: a model would learn the order of the file, and require a row number for every prediction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from training.datasets.csv.numbers import COMMA, POINT, reading
from training.runs.errors import DataError

NAMELESS = re.compile(r"(unnamed: ?\d+(_level_\d+)?)?", re.IGNORECASE)
IDENTIFIER = re.compile(r"(?i:index|idx|level_\d+|row|(.*[^a-z])?(id|uid|uuid|guid))|.*[a-z]I[dD]")
PERHAPS = re.compile(r"(.*[^a-z])?(no|nr|num|number|key|row|sample|patient|case|record|subject)\.?", re.IGNORECASE)
NAME = re.compile(r"(?i:(.*[^a-z])?(name|filename|code|barcode))|.*[a-z](Name|Code)")
SIGNS = (POINT, COMMA)


def label_of(name: str, place: int) -> str:
    """What a column is called where it has to have a name; ``place`` counts from 0."""
    return name or f"column {place + 1}"


def why_text_is_none(name: str, distinct: Sequence[str], repeated: bool) -> str | None:
    """Why a column of texts that is an identifier (``patient_17``) is not a feature, or None.

    ``name`` is empty where the file has none. ``distinct``: its different texts; ``repeated``: one of them is in
    several rows.
    """
    if not _may_identify(name):
        return None
    texts = [cell for cell in map(str.strip, distinct) if cell and all(reading(cell, sign) is None for sign in SIGNS)]
    return why_no_text_feature(name, not repeated and len(texts) == len(distinct)) if texts else None


def why_no_text_feature(name: str, differ: bool) -> str | None:
    """Why a column of texts is not a feature, or None; ``differ``: every row has another text."""
    if is_identifier(name):
        return "it is an identifier by its name, and has text"
    if not differ or not _may_identify(name):
        return None
    named = "no" if NAMELESS.fullmatch(name) else "an identifier's"
    return f"it has another text in each row, and {named} name"


def _may_identify(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in (NAMELESS, IDENTIFIER, PERHAPS, NAME))


def is_identifier(name: str) -> bool:
    """Whether a column has the name of an identifier or an index."""
    return IDENTIFIER.fullmatch(name) is not None


def why_no_feature(name: str, place: int, values: np.ndarray) -> str | None:
    """Why the column at ``place`` (from 0) with these numbers is not a feature, or None when it is one.

    Raises DataError for a column without a name that does not number the rows.
    """
    whole = bool((values == np.floor(values)).all())
    distinct = whole and len(np.unique(values)) == len(values)
    counts = whole and any(np.array_equal(values, np.arange(first, first + len(values))) for first in (0, 1))
    if counts and (place == 0 or NAMELESS.fullmatch(name) or IDENTIFIER.fullmatch(name) or PERHAPS.fullmatch(name)):
        return "it counts the rows"
    if NAMELESS.fullmatch(name):
        if not whole:
            raise DataError(f"Column {place + 1} has no name; name it, or remove it.")
        return "it has no name and holds whole numbers, like an index"
    if whole and IDENTIFIER.fullmatch(name):
        return "it has an identifier's name and holds whole numbers"
    if distinct and PERHAPS.fullmatch(name):
        return "it has an identifier's name and a different whole number in each row"
    return None
