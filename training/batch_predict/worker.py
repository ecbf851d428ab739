"""The actors of a batch prediction: each loads a version from its source and predicts batch after batch.

``training.batch_predict`` starts them; they have their own module so that Ray pickles their name, not their
code. An input that cannot be read becomes a row with an error.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models import catalog
from models.artifact import storage
from models.pictures.decode import ImageError, decode
from models.table.contract import probability_field
from settings import FINITE, LARGEST_NUMBER, get_settings
from training.datasets.pictures import decode_stored
from training.runs.ray_session import give_way

# The start time of a batch: the driver measures the start-up by the first one, and drops the column.
BEGAN = "_began"


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
        """Line, label, probability of the positive class, features out of range, true label, error, other columns."""
        features: list[str] = self.model.features
        matrix = np.stack([_numbers(batch[feature]) for feature in features], axis=1)
        errors = batch["error"].to_pylist() if "error" in batch.column_names else _not_finite(matrix, features)
        readable = np.array([error is None for error in errors])
        labels: list[str | None] = [None] * len(batch)
        probabilities = np.full(len(batch), np.nan)
        outside: list[str | None] = [None] * len(batch)
        if readable.any():
            rows = matrix[readable]
            probabilities[readable] = self.model.predict(rows)
            answers = self.model.encode(rows, probabilities[readable])
            for i, answer in zip(np.flatnonzero(readable), answers, strict=True):
                labels[i], outside[i] = answer["label"], ", ".join(answer["out_of_range"])
        known = {"line", "error", "truth", *features}
        return {
            **({"line": batch["line"]} if "line" in batch.column_names else {}),
            "label": pa.array(labels, pa.string()),
            probability_field(self.model.labels): pa.array(probabilities, pa.float64(), mask=~readable),
            "out_of_range": pa.array(outside, pa.string()),
            **_truth_of(batch),
            "error": pa.array(errors, pa.string()),
            **{name: batch[name] for name in batch.column_names if name not in known},
            **{
                feature: pa.array(column, pa.float64(), mask=~(np.abs(column) <= LARGEST_NUMBER))
                for feature, column in zip(features, matrix.T, strict=True)
            },
        }


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


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _not_finite(matrix: np.ndarray, features: list[str]) -> list[str | None]:
    errors: list[str | None] = [None] * len(matrix)
    for i, j in np.argwhere(~(np.abs(matrix) <= LARGEST_NUMBER))[::-1]:
        errors[i] = f"{features[j]}: it is empty or not {FINITE}."
    return errors
