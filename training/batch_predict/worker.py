"""The actors of a batch prediction: each loads a version from its source and predicts batch after batch.

``training.batch_predict`` starts them; they have their own module so that Ray pickles their name, not their
code. An input that cannot be read becomes a row with an error.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models import catalog
from models.artifact import storage
from models.pictures.decode import ImageError, decode
from models.table.contract import kind_of, probability_field
from models.table.features import Feature, as_rows
from settings import FINITE, LARGEST_NUMBER, get_settings
from training.datasets.csv.given_columns import beside
from training.datasets.pictures import decode_stored
from training.runs.ray_session import give_way

# The start time of a batch: the driver measures the start-up by the first one, and drops the column.
BEGAN = "_began"
# How a feature's values are written into a result.
SHOWN = {
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.string(),
    "category": pa.string(),
    "text": pa.string(),
}


class Predictor(ABC):
    """Holds a model; turns tables of inputs into tables of predictions, in the same order."""

    def __init__(self, source: str) -> None:
        give_way()
        settings = get_settings()
        self.model: Any = catalog.load_to_serve(storage.fetch(source, settings), settings)

    @abstractmethod
    def answer(self, batch: pa.Table) -> dict[str, Any]:
        """The columns of the result."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Predict one batch."""
        began = time.time()
        return pa.table({**self.answer(batch), BEGAN: np.full(len(batch), began)})


class PicturePredictor(Predictor):
    """For image models. The input has ``bytes`` or a struct ``img``, and optionally ``name`` or ``path``.

    ``root`` is the folder that is cut from names. ``raw``: the bytes are pixels, as in torchvision.
    """

    def __init__(self, source: str, raw: bool, root: str) -> None:
        import torch

        torch.set_num_threads(1)
        super().__init__(source)
        self._raw, self._root = raw, root

    def answer(self, batch: pa.Table) -> dict[str, Any]:
        """Name, label, probability, unsure, true label where known, error."""
        stored, names = _bytes_of(batch), _names_of(batch, self._root)
        errors = batch["error"].to_pylist() if "error" in batch.column_names else [None] * len(batch)
        images = self._decode(stored, errors)
        good = [i for i, error in enumerate(errors) if error is None]
        labels: list[str | None] = [None] * len(batch)
        probabilities: list[float | None] = [None] * len(batch)
        unsure: list[bool | None] = [None] * len(batch)
        if good:
            pixels = np.stack([images[i] for i in good])
            for i, answer in zip(good, self.model.encode(pixels, self.model.predict(pixels)), strict=True):
                labels[i], probabilities[i], unsure[i] = answer["label"], answer["probability"], answer["unsure"]
        return {
            "name": pa.array(names, pa.string()),
            "label": pa.array(labels, pa.string()),
            "probability": pa.array(probabilities, pa.float64()),
            "unsure": pa.array(unsure, pa.bool_()),
            **_truth_of(batch),
            "error": pa.array(errors, pa.string()),
        }

    def _decode(self, stored: list[bytes | None], errors: list[str | None]) -> dict[int, np.ndarray]:
        """Pixels of the readable pictures by position; the others get an entry in ``errors``."""
        if self._raw:
            return dict(enumerate(decode_stored([data or b"" for data in stored], True, self.model.size)))
        images = {}
        for i, data in enumerate(stored):
            if errors[i] is not None:
                continue
            try:
                images[i] = decode(data or b"", self.model.size)
            except ImageError as error:
                errors[i] = str(error)
        return images


class RowPredictor(Predictor):
    """For table models. The input has the features, and optionally ``line``, ``error`` and other columns."""

    def answer(self, batch: pa.Table) -> dict[str, Any]:
        """Line, answer, features out of range, missing and unseen, true label, error, other columns, the features."""
        model = self.model
        columns, found = _values_of(batch, model.described, model.takes_gaps)
        errors = batch["error"].to_pylist() if "error" in batch.column_names else found
        readable = np.flatnonzero([error is None for error in errors])
        answers: list[dict[str, Any]] = []
        if len(readable):
            rows = as_rows([column[readable] for column in columns.values()], model.described)
            answers = model.encode(rows, model.predict(rows))
        known = {"line", "error", "truth", *model.features}
        shown = {
            feature.name: pa.array([feature.shown(value) for value in columns[feature.name]], SHOWN[feature.kind])
            for feature in model.described
        }
        return beside(
            {
                **({"line": batch["line"]} if "line" in batch.column_names else {}),
                **_answered(model, answers, readable, len(batch)),
                **_truth_of(batch),
                "error": pa.array(errors, pa.string()),
            },
            {**{name: batch[name] for name in batch.column_names if name not in known}, **shown},
        )


def _answered(model: Any, answers: list[dict[str, Any]], at: np.ndarray, count: int) -> dict[str, pa.Array]:
    """The columns of the answers, null in the rows that have none."""

    def column(key: str, kind: pa.DataType) -> pa.Array:
        values: list[Any] = [None] * count
        for i, answer in zip(at, answers, strict=True):
            values[i] = ", ".join(answer[key]) if isinstance(answer[key], list) else answer[key]
        return pa.array(values, kind)

    kind = kind_of(model.metadata)
    if kind == "regression":
        columns = {"value": column("value", pa.float64())}
    else:
        probability = probability_field(model.labels) if kind == "binary" else "probability"
        columns = {"label": column("label", pa.string()), probability: column(probability, pa.float64())}
    said = ("out_of_range", "missing", "unseen") if model.takes_gaps else ("out_of_range",)
    return columns | {key: column(key, pa.string()) for key in said}


def _values_of(batch: pa.Table, features: list[Feature], gaps: bool) -> tuple[dict[str, np.ndarray], list[str | None]]:
    """Each feature's values, and the problem of each row, None where it has none."""
    problems: list[str | None] = [None] * len(batch)
    columns = {}
    for feature in features:
        values, wrong = _column_of(batch[feature.name], feature, gaps)
        columns[feature.name] = values
        for i, problem in wrong.items():
            problems[i] = problems[i] or f"{feature.name}: {problem}"
    return columns, problems


def _column_of(column: pa.ChunkedArray, feature: Feature, gaps: bool) -> tuple[np.ndarray, dict[int, str]]:
    empty = "it is empty" if feature.kind != "number" else f"it is empty or not {FINITE}."
    # Of a checked upload, dates are days already.
    if (feature.kind == "number" and not _is_text(column.type)) or (
        feature.kind == "date" and pa.types.is_floating(column.type)
    ):
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        wrong = ~(np.abs(values) <= LARGEST_NUMBER) & ~(gaps & np.isnan(values))
        return values, dict.fromkeys(np.flatnonzero(wrong).tolist(), empty)
    values, wrong = [], {}
    for i, given in enumerate(column.to_pylist()):
        try:
            values.append(feature.value(given.isoformat() if isinstance(given, date) else given))
            if given is None and not gaps:
                wrong[i] = empty
        except ValueError as error:
            values.append(feature.value(None))
            wrong[i] = f"it {error}."
    return np.array(values, dtype=np.float64 if feature.is_numeric else object), wrong


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _bytes_of(batch: pa.Table) -> list[bytes | None]:
    if "bytes" in batch.column_names:
        return batch["bytes"].to_pylist()
    column = next((name for name in ("img", "image") if name in batch.column_names), None)
    if column is None:
        raise KeyError("there is no column bytes, img or image")
    return pc.struct_field(batch[column], "bytes").to_pylist()


def _names_of(batch: pa.Table, root: str) -> list[str | None]:
    column = next((name for name in ("name", "path") if name in batch.column_names), None)
    if column is None:
        return [None] * len(batch)
    return [name and name.removeprefix(root) for name in batch[column].to_pylist()]


def _truth_of(batch: pa.Table) -> dict[str, Any]:
    return {"truth": batch["truth"]} if "truth" in batch.column_names else {}
