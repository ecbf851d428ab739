"""Rows of a model's spec: a table read with Ray Data, split by content, described.

The split is made by content: 60 % training, 20 % validation, 20 % test of each class, ranked by the SHA-256 of a
row's values. It does not depend on a seed or on the order of rows.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np

from models.artifact.storage import without_secrets
from models.specs import ModelSpec
from models.table.features import Feature, as_rows, is_missing
from training.datasets import frame as frames
from training.datasets import storage, targets
from training.datasets.csv.index_columns import why_no_feature, why_text_is_none
from training.datasets.frame import Frame
from training.runs.errors import DataError, innermost

SPLITS = ("train", "validation", "test")
# More texts are no categories; each would be learned from a handful of rows.
MOST_CATEGORIES = 10_000

# A column of values for each feature.
Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Table:
    """Rows with their split. ``columns`` (n,) of each feature, ``split`` str (n,), ``digests`` of ``row_digests``.

    ``target`` (n,): the place of the row's class in the spec's ``classes``, or the number of a regression.
    ``left_out``: columns of the file that are not features, each with the reason. ``dropped``: rows without a target.
    """

    features: list[Feature]
    columns: Columns
    target: np.ndarray
    digests: np.ndarray
    split: np.ndarray
    source: str
    binary: bool = True
    left_out: dict[str, str] = field(default_factory=dict)
    dropped: int = 0

    @property
    def names(self) -> list[str]:
        """The names of the features."""
        return [feature.name for feature in self.features]

    def part(self, split: str) -> tuple[Columns, np.ndarray]:
        """Columns and target of one split."""
        inside = self.split == split
        return {name: column[inside] for name, column in self.columns.items()}, self.target[inside]

    def rows(self, split: str | None = None, most: int | None = None) -> np.ndarray:
        """Rows (n, features) of one split, or of all, in the form of a model's ``predict``; at most ``most``."""
        chosen = np.flatnonzero((self.split == split) if split else np.ones(len(self.split)))[:most]
        return as_rows([self.columns[name][chosen] for name in self.names], self.features)

    def learned(self, rows: np.ndarray) -> np.ndarray:
        """What is learned of these rows (n,): 1 for the positive of two classes, else the target itself."""
        return (self.target[rows] == 0).astype(np.float32) if self.binary else self.target[rows]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over rows, targets and splits, independent of the order of rows."""
        targets_ = self.target == 0 if self.binary else self.target
        rows = zip(self.digests.tolist(), targets_.tolist(), self.split, strict=True)
        text = "\n".join(sorted(f"{digest.decode()} {target} {split}" for digest, target, split in rows))
        return hashlib.sha256(text.encode()).hexdigest()


def read_with_ray(spec: ModelSpec, path: str | None = None) -> Table:
    """Read the spec's file or another one, local or ``s3://…``, with Ray Data.

    ``s3://anonymous@…`` is read without credentials. AWS_ENDPOINT_URL names an S3 server other than Amazon's.
    Raises DataError.
    """
    import ray

    source = path or str(spec.path(spec.data.file))
    if "://" not in source and not Path(source).is_file():
        raise DataError(f"There is no file {source}; give a CSV or Parquet file or an s3:// address with --data.")
    try:
        filesystem, path_there = storage.place_of(source)
        # Whole files: the number format of a file is decided over all its rows, for batch predictions as well.
        files = ray.data.read_binary_files(path_there, filesystem=filesystem).take_all()
    except Exception as error:
        # Arrow, fsspec and Ray each wrap a missing key or a refused login in their own error types.
        raise DataError(without_secrets(f"{source} cannot be read: {innermost(error)}")) from error
    return _table(spec, [io.BytesIO(file["bytes"]) for file in files], _name_of(spec, path))


def read(spec: ModelSpec, path: str | None = None) -> Table:
    """The same without Ray: one file. Raises DataError."""
    with storage.open_stream(path or str(spec.path(spec.data.file))) as file:
        return _table(spec, [io.BytesIO(file.read())], _name_of(spec, path))


def _name_of(spec: ModelSpec, path: str | None) -> str:
    return without_secrets(path) if path else spec.data.file


def _table(spec: ModelSpec, files: Sequence[IO[bytes]], source: str) -> Table:
    try:
        parts = [frames.read(file) for file in files]
        if any(part.names != parts[0].names for part in parts):
            raise DataError("its files have different headers.")
        target = np.concatenate([targets.read(spec.data, part) for part in parts])
        columns, left_out = _columns(spec, parts)
        targets.check(spec.data, target)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    known = ~np.isnan(target)
    if not known.all():
        columns, target = {name: column[known] for name, column in columns.items()}, target[known]
    digests = row_digests(list(columns.values()))
    split = _split(digests, np.zeros(len(target)) if spec.data.kind == "regression" else target)
    training = split == "train"
    features = [_feature(spec, name, column[training]) for name, column in columns.items()]
    binary, dropped = spec.data.kind == "binary", int((~known).sum())
    return Table(features, columns, target, digests, split, source, binary, left_out, dropped)


def _columns(spec: ModelSpec, parts: list[Frame]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The features' columns of files with one header, and the columns that are no features with the reasons."""
    columns, left_out = {}, {}
    for place, name in enumerate(parts[0].names):
        if name == spec.data.target:
            continue
        why = _why_text_is_none(spec, parts, name)
        if why is None:
            values = [frames.values(part, name, spec.column(name).kind) for part in parts]
            columns[name] = np.concatenate(values)
            if spec.data.complete_rows:
                for part, read_ in zip(parts, values, strict=True):
                    _refuse_gap(spec, part, name, read_)
            if name not in spec.columns:
                why = why_no_feature(_given(parts[0], name), place, columns[name])
        if why is not None:
            left_out[name] = why
            columns.pop(name, None)
    if not columns:
        raise DataError(f"it has no feature besides {spec.data.target!r}.")
    return columns, left_out


def _why_text_is_none(spec: ModelSpec, parts: list[Frame], name: str) -> str | None:
    if not spec.column(name).use:
        return "the spec leaves it out"
    if name in spec.columns:
        return None
    texts = [part.texts(name) for part in parts]
    distinct = [text for one in texts for text in one.distinct]
    repeated = len(set(distinct)) < len(distinct) or any(one.counts.max() > 1 for one in texts)
    return why_text_is_none(_given(parts[0], name), distinct, repeated)


def _given(frame: Frame, name: str) -> str:
    """The name of a column in the file."""
    return "" if name in frame.nameless else name


def _refuse_gap(spec: ModelSpec, frame: Frame, name: str, values: np.ndarray) -> None:
    gaps = np.flatnonzero(is_missing(values, Feature(name=name, kind=spec.column(name).kind)))
    if len(gaps):
        raise frames.refuse(frame, name, int(gaps[0]), f"It is empty; a {spec.column(name).kind} is needed.")


def _feature(spec: ModelSpec, name: str, values: np.ndarray) -> Feature:
    """What the training rows of a column held. Raises DataError for more categories than a model can learn."""
    kind = spec.column(name).kind
    feature = Feature(name=name, kind=kind)
    missing = is_missing(values, feature)
    known = values[~missing]
    described = {"name": name, "kind": kind, "missing": float(missing.mean())}
    if kind == "category":
        found, counts = np.unique(known.astype(str), return_counts=True)
        if len(found) > MOST_CATEGORIES:
            raise DataError(f"column {name!r} has {len(found):,} categories; at most {MOST_CATEGORIES:,} are learned.")
        return Feature(**described, categories=found[np.argsort(-counts, kind="stable")].tolist())
    if not feature.is_numeric or not len(known):
        return Feature(**described)
    return Feature(**described, min=float(known.min()), max=float(known.max()), median=float(np.median(known)))


def row_digests(columns: Sequence[np.ndarray]) -> np.ndarray:
    """SHA-256 of each row's values as hex digits, bytes (n,), from a column of numbers or of texts for each feature."""
    matrix = np.column_stack([column if column.dtype == np.float64 else _hashed(column) for column in columns])
    return np.array([hashlib.sha256(row.tobytes()).hexdigest() for row in np.ascontiguousarray(matrix)], dtype="S64")


def _hashed(texts: np.ndarray) -> np.ndarray:
    """A number for each text, which depends on its content alone."""
    numbers = {text: _number_of(text) for text in set(texts)}
    return np.fromiter((numbers[text] for text in texts), dtype=np.float64, count=len(texts))


def _number_of(text: str | None) -> float:
    if text is None:
        return -1.0
    return float(int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big"))


def _split(digests: np.ndarray, classes: np.ndarray) -> np.ndarray:
    split = np.empty(len(digests), dtype=object)
    for one in np.unique(classes):
        members = np.flatnonzero(classes == one)
        ranked = members[np.argsort(digests[members], kind="stable")]
        first, second = round(0.6 * len(ranked)), round(0.8 * len(ranked))
        split[ranked[:first]], split[ranked[first:second]], split[ranked[second:]] = SPLITS
    return split
