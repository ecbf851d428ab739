"""The validation and test rows of a version of the table family."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from models import specs
from models.artifact.checkpoint import Metadata
from models.specs import ModelSpec
from settings import Settings
from training.datasets import tables
from training.results.held_out import HeldOut
from training.runs.errors import DataError


@dataclass(frozen=True)
class Rows:
    """Rows, float64 (n, features)."""

    matrix: np.ndarray

    def at(self, index: np.ndarray) -> np.ndarray:
        """The rows at ``index``."""
        return self.matrix[index]

    def digests(self) -> list[str]:
        """SHA-256 of each row's values."""
        return tables.row_digests(self.matrix)


def load(spec: ModelSpec, settings: Settings, metadata: Metadata | None = None) -> HeldOut:  # noqa: ARG001
    """The validation rows of the CSV that a version was trained on. Raises DataError."""
    return _read(spec, metadata).validation


def lacking(spec: ModelSpec, settings: Settings) -> str:  # noqa: ARG001 - the interface of all families
    """The data that a training must download first, in words: none."""
    return ""


def test_set(spec: ModelSpec, settings: Settings, metadata: Metadata) -> tuple[pa.Table, bool]:  # noqa: ARG001
    """Features and true labels of the test rows, for a batch prediction; not raw. Raises DataError."""
    table = _read(spec, metadata).table
    matrix, positive = table.part("test")
    truth = np.where(positive, *spec.data.classes)
    return pa.table({**dict(zip(table.features, matrix.T, strict=True)), "truth": truth}), False


@dataclass(frozen=True)
class _File:
    """A CSV as it was read, with what follows from its rows."""

    table: tables.Table
    fingerprint: str
    validation: HeldOut


def _read(spec: ModelSpec, metadata: Metadata | None) -> _File:
    found = _read_file(spec.name, metadata.training.get("data") if metadata else None)
    if metadata and found.fingerprint != metadata.data.get("fingerprint"):
        source = found.table.source
        raise DataError(f"{source} has changed since this version was trained on it; its rows cannot be shown.")
    return found


@lru_cache(maxsize=4)
def _read_file(model: str, path: str | None) -> _File:
    spec = specs.get(model)
    table = tables.read(spec, path)
    matrix, positive = table.part("validation")
    truth = (~positive).astype(np.int64)
    validation = HeldOut(spec.data.classes, truth, table.source, table.features, Rows(matrix))
    return _File(table, table.fingerprint(), validation)
