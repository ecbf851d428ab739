"""The features of a table model: what a column holds, its values in JSON, and what its training rows held.

In memory a number, a boolean (0 or 1) and a date (days since 1970-01-01) are a float, NaN where it is missing; a
category and a text are a text or None. Rows of numeric kinds alone are float64 (n, features), others object.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from models.artifact.checkpoint import Metadata
from models.specs import ColumnKind
from settings import FINITE, LARGEST_NUMBER

NUMERIC: set[ColumnKind] = {"number", "boolean", "date"}
DAY_S = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WANTED = {
    "number": "a number",
    "boolean": "true or false",
    "date": "a date like 2024-05-31",
    "category": "text",
    "text": "text",
}
BOOLEANS = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}
KINDS = {str: "text", type(None): "null", bool: "true or false", list: "a list", dict: "an object"}


class Feature(BaseModel):
    """A column that a model uses. ``min``, ``max`` and ``median`` of its training rows, of numeric kinds.

    ``categories``: the values of a category in the training rows, most frequent first. ``missing``: the share of
    training rows without a value, 0..1.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: ColumnKind = "number"
    min: float | None = None
    max: float | None = None
    median: float | None = None
    categories: list[str] = []
    missing: float = 0.0

    @property
    def is_numeric(self) -> bool:
        """Whether a value is a float in memory."""
        return self.kind in NUMERIC

    def value(self, given: Any) -> float | str | None:
        """A value of JSON in the form of memory. Raises ValueError with what it must be."""
        if given is None:
            return math.nan if self.is_numeric else None
        read = _READERS[self.kind](given)
        if read is None:
            kind = KINDS.get(type(given), "a number" if type(given) in (int, float) else "something else")
            raise ValueError(f"must be {WANTED[self.kind]}, not {kind}")
        return read

    def from_text(self, text: str) -> float | str | None:
        """A value of text in the form of memory; an empty one is missing. Raises ValueError with what it must be."""
        if not text.strip():
            return self.value(None)
        if self.kind == "number":
            try:
                return self.value(float(text))
            except ValueError:
                raise ValueError(f"must be {FINITE}, not {text[:40]!r}") from None
        if self.kind == "boolean":
            read = BOOLEANS.get(text.strip().lower())
            if read is None:
                raise ValueError(f"must be true or false, not {text[:40]!r}")
            return read
        return self.value(text)

    def shown(self, value: Any) -> Any:
        """A value of memory as JSON has it."""
        if value is None or (self.is_numeric and math.isnan(value)):
            return None
        if self.kind == "boolean":
            return bool(value)
        if self.kind == "date":
            return date_text(value)
        return float(value) if self.kind == "number" else value


def of_version(metadata: Metadata) -> list[Feature]:
    """The features of a version, in the order of its rows. Versions of earlier releases have numbers alone."""
    described = metadata.preprocessor.get("features")
    if described is None:
        ranges = metadata.preprocessor["ranges"]
        return [Feature(name=name, **ranges[name]) for name in metadata.config["features"]]
    return [Feature.model_validate(feature) for feature in described]


def as_rows(columns: Sequence[np.ndarray], features: Sequence[Feature]) -> np.ndarray:
    """Rows (n, features) of one array for each feature: float64 when all are numeric, else object."""
    if all(feature.is_numeric for feature in features):
        return np.column_stack(columns).astype(np.float64, copy=False)
    rows = np.empty((len(columns[0]), len(features)), dtype=object)
    for i, column in enumerate(columns):
        rows[:, i] = column
    return rows


def rows_of_texts(texts: np.ndarray, features: Sequence[Feature]) -> np.ndarray:
    """Rows of texts (n, features). Raises ValueError naming row and feature."""
    columns = []
    for column, feature in zip(texts.T, features, strict=True):
        read = []
        for i, text in enumerate(column):
            try:
                read.append(feature.from_text(text))
            except ValueError as error:
                raise ValueError(f"Row {i}: feature {feature.name!r} {error}.") from None
        columns.append(np.array(read, dtype=np.float64 if feature.is_numeric else object))
    return as_rows(columns, features)


def is_missing(values: np.ndarray, feature: Feature) -> np.ndarray:
    """bool (n,): where a column has no value."""
    if feature.is_numeric:
        return np.isnan(values.astype(np.float64, copy=False))
    return np.equal(values, None).astype(bool)


def date_text(days: float) -> str:
    """Days since 1970-01-01 as ``2024-05-31``, or with the time of day where there is one."""
    moment = EPOCH + timedelta(seconds=round(days * DAY_S))
    return moment.date().isoformat() if days == math.floor(days) else moment.replace(tzinfo=None).isoformat()


def _number(given: Any) -> float | None:
    if type(given) not in (int, float):
        return None
    # An integer may be too large for a float.
    if not abs(given) <= LARGEST_NUMBER:
        raise ValueError(f"must be {FINITE}")
    return float(given)


def _boolean(given: Any) -> float | None:
    return float(given) if given in (0, 1) and type(given) in (bool, int, float) else None


def _date(given: Any) -> float | None:
    if not isinstance(given, str):
        return None
    try:
        moment = datetime.fromisoformat(given.strip())
    except ValueError:
        raise ValueError(f"must be a date like 2024-05-31, not {given[:40]!r}") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - EPOCH) / timedelta(days=1)


def _category(given: Any) -> str | None:
    if isinstance(given, str):
        return given
    if isinstance(given, bool):
        return str(given).lower()
    # A category that is written with digits, like a postal code.
    return f"{given:g}" if type(given) in (int, float) and abs(given) < 1e6 else None


_READERS = {
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "category": _category,
    "text": lambda given: given if isinstance(given, str) else None,
}
