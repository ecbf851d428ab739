"""Columns of a training table that number its rows: the index that pandas' ``to_csv()`` writes, and identifiers.

They are not features: a model would learn the order of the file, and require a row number for every prediction.
"""

from __future__ import annotations

import re

import numpy as np

from training.runs.errors import DataError

NAMELESS = re.compile(r"(unnamed: ?\d+(_level_\d+)?)?", re.IGNORECASE)
IDENTIFIER = re.compile(r"(?i:index|idx|level_\d+|row|(.*[^a-z])?(id|uid|guid))|.*[a-z]I[dD]")
PERHAPS = re.compile(r"(.*[^a-z])?(no|nr|num|number|key|row|sample|patient|case|record|subject)\.?", re.IGNORECASE)


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
