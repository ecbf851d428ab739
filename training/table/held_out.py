"""The validation and test rows of a version of the table family."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from models import specs
from models.artifact.checkpoint import Metadata
from models.specs import ModelSpec
from models.table.features import Feature, as_rows
from settings import Settings
from training.datasets import tables
from training.results.held_out import HeldOut
from training.runs.errors import DataError


@dataclass(frozen=True)
class Rows:
    """Rows as a column for each feature."""

    columns: tables.Columns
    features: list[Feature]

    def at(self, index: np.ndarray) -> np.ndarray:
        """The rows at ``index``, (n, features)."""
        return as_rows([self.columns[feature.name][index] for feature in self.features], self.features)

    def digests(self) -> list[str]:
        """SHA-256 of each row's values."""
        return [digest.decode() for digest in tables.row_digests(list(self.columns.values())).tolist()]

    def shown(self, row: np.ndarray) -> dict[str, Any]:
        """One row in the form of the API."""
        pairs = zip(self.features, row, strict=True)
        return {"row": {feature.name: feature.shown(value) for feature, value in pairs}}


def load(spec: ModelSpec, settings: Settings, metadata: Metadata | None = None) -> HeldOut:  # noqa: ARG001
    """The validation rows of the file that a version was trained on. Raises DataError."""
    return _read(spec, metadata).validation


def lacking(spec: ModelSpec, settings: Settings) -> str:  # noqa: ARG001 - the interface of all families
    """The data that a training must download first, in words: none."""
    return ""


def test_set(spec: ModelSpec, settings: Settings, metadata: Metadata) -> tuple[pa.Table, bool]:  # noqa: ARG001
    """Features and true labels of the test rows, for a batch prediction; not raw. Raises DataError."""
    table = _read(spec, metadata).table
    columns, target = table.part("test")
    truth = target if spec.data.kind == "regression" else np.array(spec.data.classes)[target.astype(np.int64)]
    return pa.table({**{name: pa.array(column) for name, column in columns.items()}, "truth": truth}), False


@dataclass(frozen=True)
class _File:
    """A file as it was read, with what follows from its rows."""

    table: tables.Table
    fingerprint: str
    validation: HeldOut


def _read(spec: ModelSpec, metadata: Metadata | None) -> _File:
    path = metadata.training.get("data") if metadata else None
    local = Path(path or spec.path(spec.data.file))
    # A file that has changed is read again; one of an s3:// address is taken to be the same.
    changed = local.stat().st_mtime_ns if local.is_file() else 0
    found = _read_file(spec.name, path, changed)
    if metadata and found.fingerprint != metadata.data.get("fingerprint"):
        source = found.table.source
        raise DataError(f"{source} has changed since this version was trained on it; its rows cannot be shown.")
    return found


@lru_cache(maxsize=4)
def _read_file(model: str, path: str | None, changed: int) -> _File:  # noqa: ARG001
    spec = specs.get(model)
    table = tables.read(spec, path)
    columns, target = table.part("validation")
    truth = target if spec.data.kind == "regression" else target.astype(np.int64)
    validation = HeldOut(spec.data.classes, truth, table.source, Rows(columns, table.features))
    return _File(table, table.fingerprint, validation)
