"""Rows of a model's spec: a CSV read with Ray Data, split by content, described.

The split is made by content: 60 % training, 20 % validation, 20 % test of each class, ranked by the SHA-256 of a
row's values. It does not depend on a seed or on the order of rows.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from models.artifact.storage import without_secrets
from models.specs import ModelSpec
from training.datasets import storage
from training.datasets.csv.index_columns import label_of, text_identifiers, why_no_feature
from training.datasets.csv.sheet import Sheet
from training.datasets.csv.table import NumberTable
from training.runs.errors import DataError, innermost

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Table:
    """Rows with their split. ``matrix`` float64 (n, features), ``positive`` bool (n,), ``split`` str (n,).

    ``left_out``: columns of the file that are not features, each with the reason.
    """

    features: list[str]
    matrix: np.ndarray
    positive: np.ndarray
    split: np.ndarray
    source: str
    left_out: dict[str, str] = field(default_factory=dict)

    def part(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Matrix and flags, true for the positive class, of one split."""
        inside = self.split == split
        return self.matrix[inside], self.positive[inside]

    def fingerprint(self) -> str:
        """SHA-256 over rows, labels and splits, independent of the order of rows."""
        rows = zip(row_digests(self.matrix), self.positive, self.split, strict=True)
        text = "\n".join(sorted(f"{digest} {flag} {split}" for digest, flag, split in rows))
        return hashlib.sha256(text.encode()).hexdigest()


def read_with_ray(spec: ModelSpec, path: str | None = None) -> Table:
    """Read the spec's CSV or another one, local or ``s3://…``, with Ray Data.

    ``s3://anonymous@…`` is read without credentials. AWS_ENDPOINT_URL names an S3 server other than Amazon's.
    Raises DataError.
    """
    import ray

    source = path or str(spec.path(spec.data.file))
    if "://" not in source and not Path(source).is_file():
        raise DataError(f"There is no file {source}; give a CSV file or an s3:// address with --data.")
    try:
        filesystem, path_there = storage.place_of(source)
        # Whole files: the number format of a file is decided over all its rows, for batch predictions as well.
        files = ray.data.read_binary_files(path_there, filesystem=filesystem).take_all()
    except Exception as error:
        # Arrow, fsspec and Ray each wrap a missing key or a refused login in their own error types.
        raise DataError(without_secrets(f"{source} cannot be read as CSV: {innermost(error)}")) from error
    return _table(spec, [io.BytesIO(file["bytes"]) for file in files], _name_of(spec, path))


def read(spec: ModelSpec, path: str | None = None) -> Table:
    """The same without Ray: one file. Raises DataError."""
    with storage.open_stream(path or str(spec.path(spec.data.file))) as file:
        return _table(spec, [io.BytesIO(file.read())], _name_of(spec, path))


def _name_of(spec: ModelSpec, path: str | None) -> str:
    return without_secrets(path) if path else spec.data.file


def _table(spec: ModelSpec, files: Sequence[IO[bytes]], source: str) -> Table:
    target_name, values = spec.data.target, sorted(spec.data.labels.items())
    try:
        header, columns, left_out = _columns(files, target_name, values)
        reasons = [
            None if name == target_name else why_no_feature(name, place, columns[:, i])
            for i, (place, name) in enumerate(header)
        ]
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    names = [name for _, name in header]
    kept = [i for i, name in enumerate(names) if name != target_name and reasons[i] is None]
    features = [names[i] for i in kept]
    left_out |= {label_of(name, place): why for (place, name), why in zip(header, reasons, strict=True) if why}
    matrix = np.ascontiguousarray(columns[:, kept])
    target = columns[:, names.index(target_name)]
    if set(np.unique(target)) != {float(value) for value, _ in values}:
        raise DataError(f"{source}: column {target_name!r} must hold {_listed(values)}, both.")
    if not features:
        raise DataError(f"{source} has no feature besides {target_name!r}.")
    positive = target == next(float(value) for value, label in values if label == spec.data.positive)
    if min(positive.sum(), (~positive).sum()) < 5:
        raise DataError(f"{source} has fewer than 5 rows of a class; too few to split.")
    return Table(features, matrix, positive, _split(matrix, positive), source, left_out)


def _listed(values: list[tuple[str, str]]) -> str:
    return " and ".join(f"{value} ({label})" for value, label in values)


def _columns(
    files: Sequence[IO[bytes]], target: str, values: list[tuple[str, str]]
) -> tuple[list[tuple[int, str]], np.ndarray, dict[str, str]]:
    """Places and names of the columns of numbers, float64 (rows, columns) of them, and the identifiers that are text.

    The files have one header.
    """
    sheets = [_sheet(file, target, values) for file in files]
    texts = text_identifiers(sheets)
    header: list[tuple[int, str]] = []
    parts = []
    for sheet in sheets:
        numbers = {i for i, name in enumerate(sheet.names) if label_of(name, i) not in texts}
        at = [i for i in sorted(numbers) if sheet.names[i]]
        table = NumberTable(sheet, at)
        if filled := table.filled & numbers:
            at = sorted({*at, *filled})
            table = NumberTable(sheet, at)
        columns = [(i, sheet.names[i]) for i in at]
        if header and [name for _, name in columns] != [name for _, name in header]:
            raise DataError("its files have different headers.")
        header = columns
        for part in table.parts():
            if wrong := next(filter(None, part.problems), None):
                raise DataError(wrong[0].sentence())
            parts.append(part.matrix)
    return header, np.concatenate(parts) if parts else np.empty((0, len(header))), texts


def _sheet(file: IO[bytes], target: str, values: list[tuple[str, str]]) -> Sheet:
    sheet = Sheet(file)
    sheet.refuse_twice()
    if target not in sheet.names:
        named = ", ".join(f"{value} {label}" for value, label in values)
        raise DataError(f"it has no column {target!r} ({named}).")
    return sheet


def row_digests(matrix: np.ndarray) -> list[str]:
    """SHA-256 of each row's values."""
    return [hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest() for row in matrix]


def _split(matrix: np.ndarray, positive: np.ndarray) -> np.ndarray:
    digests = np.array(row_digests(matrix))
    split = np.empty(len(matrix), dtype=object)
    for flag in (True, False):
        members = np.flatnonzero(positive == flag)
        ranked = members[np.argsort(digests[members], kind="stable")]
        first, second = round(0.6 * len(ranked)), round(0.8 * len(ranked))
        split[ranked[:first]], split[ranked[first:second]], split[ranked[second:]] = SPLITS
    return split


def ranges(table: Table) -> dict[str, dict[str, float]]:
    """Smallest and largest value and median of each feature over the training rows."""
    matrix, _ = table.part("train")
    return {
        name: {"min": float(column.min()), "max": float(column.max()), "median": float(np.median(column))}
        for name, column in zip(table.features, matrix.T, strict=True)
    }
