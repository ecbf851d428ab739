"""Rows of a table model in the form of its learner: one function for training, batch predictions and serving."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from models.artifact.checkpoint import Metadata
from models.table import features as of
from models.table import own_steps
from models.table import steps as known
from models.table.features import Feature
from models.table.steps import CATEGORY, QUANTITY, Step

# Rows (n, features), or a column for each feature by its name.
Rows = np.ndarray | Mapping[str, np.ndarray]
Function = Callable[[np.ndarray, Step], np.ndarray]


class Preprocessor:
    """The fitted steps of a version. Raises OwnStepError when it needs a step of one's own that is not there.

    The encoded columns are the numeric features in their order, then month and weekday of each date, then those of
    each category and text. ``owners`` has the place of the feature that each encoded column came from, ``types``
    whether it is a quantity or a category of XGBoost's own.
    """

    def __init__(self, features: Sequence[Feature], steps: Sequence[Step]) -> None:
        self.features = list(features)
        self._numeric = [i for i, feature in enumerate(features) if feature.is_numeric]
        self._texts = [i for i, feature in enumerate(features) if not feature.is_numeric]
        self._dates = [k for k, i in enumerate(self._numeric) if features[i].kind == "date"]
        places = {features[i].name: k for k, i in enumerate(self._numeric)}
        self._steps = [
            (function_of(step), step, [places[name] for name in step["columns"]])
            for step in steps
            if step["columns"][0] in places
        ]
        # Of a category or a text: what fills its gaps, and its encoder, which is the last step.
        self._encoders: dict[int, tuple[list[Step], Function, Step]] = {}
        for i in self._texts:
            *before, encoder = [step for step in steps if features[i].name in step["columns"]]
            self._encoders[i] = before, function_of(encoder), encoder
        self.owners = [*self._numeric, *(self._numeric[k] for k in self._dates for _ in range(2))]
        self.types = [QUANTITY] * len(self.owners)
        for i, (_, _, encoder) in self._encoders.items():
            width = _width(encoder)
            self.owners += [i] * width
            self.types += [CATEGORY if encoder["step"] == "categories" else QUANTITY] * width

    @classmethod
    def of_version(cls, metadata: Metadata) -> Preprocessor:
        """The steps of a version; those of earlier releases are a scaler."""
        features = of.of_version(metadata)
        scaler = metadata.preprocessor.get("scaler")
        if scaler is None:
            return cls(features, metadata.preprocessor["steps"])
        numbers = {key: [fitted[key] for fitted in scaler.values()] for key in ("mean", "std")}
        return cls(features, [{"step": "standard", "columns": list(scaler), **numbers}] if scaler else [])

    def __call__(self, rows: Rows) -> np.ndarray:
        """float32 (n, encoded columns) of rows; NaN where a value is missing."""
        values = self.numbers(rows)
        parts = [values, *(_parts_of_dates(values[:, k]) for k in self._dates)]
        if self._steps:
            parts[0] = values = values.copy()
        for function, step, places in self._steps:
            values[:, places] = function(values[:, places], step)
        parts += [self._encoded(self.column(rows, i), i) for i in self._texts]
        return parts[0].astype(np.float32) if len(parts) == 1 else np.hstack(parts).astype(np.float32)

    def numbers(self, rows: Rows) -> np.ndarray:
        """float64 (n, numeric features) of rows, before any step."""
        if isinstance(rows, np.ndarray):
            return rows if rows.dtype == np.float64 else rows[:, self._numeric].astype(np.float64)
        columns = [self.column(rows, i) for i in self._numeric]
        return np.column_stack(columns) if columns else np.empty((_length(rows), 0))

    def column(self, rows: Rows, i: int) -> np.ndarray:
        """The values of a feature."""
        return rows[:, i] if isinstance(rows, np.ndarray) else rows[self.features[i].name]

    def _encoded(self, texts: np.ndarray, i: int) -> np.ndarray:
        before, function, encoder = self._encoders[i]
        for step in before:
            texts = known.impute(texts, step["value"][0])
        return function(texts, encoder)


def _length(rows: Mapping[str, np.ndarray]) -> int:
    return len(next(iter(rows.values())))


def function_of(step: Step) -> Function:
    """What applies a fitted step. Raises OwnStepError for a step of one's own that is not there."""
    if own_steps.is_own(step["step"]):
        return own_steps.bound(step)
    return known.NUMBERS.get(step["step"]) or known.ENCODERS[step["step"]]


def _width(encoder: Step) -> int:
    if "width" in encoder:
        return encoder["width"]
    if encoder["step"] in ("ordinal", "categories"):
        return 1
    return encoder["buckets"] if "buckets" in encoder else len(encoder["values"])


def _parts_of_dates(days: np.ndarray) -> np.ndarray:
    """Month 1..12 and weekday 0..6 (Monday is 0) of days since 1970-01-01, which was a Thursday; (n, 2)."""
    missing = np.isnan(days)
    whole = np.floor(np.where(missing, 0, days)).astype(np.int64)
    month = whole.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    parts = np.column_stack([month, (whole + 3) % 7]).astype(np.float64)
    parts[missing] = np.nan
    return parts
