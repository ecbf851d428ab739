"""The Wisconsin breast-cancer data: 569 rows, 30 features, read with Ray Data.

``training/datasets/breast_cancer.csv`` is generated from scikit-learn's bundled copy by
``python -m training.datasets.tables`` (W. Wolberg, O. Mangasarian, N. Street, W. Street,
UCI Machine Learning Repository 1995, doi:10.24432/C5DW2B, CC BY 4.0). Column ``target``: 0 is
malignant, 1 is benign.

The split depends on content only: 60 % training, 20 % validation, 20 % test of each class, ranked by
the SHA-256 of a row's values. Seeds and the order of rows do not matter.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from models.artifact.storage import without_secrets
from training.datasets import storage
from training.datasets.csv.index_columns import why_no_feature
from training.datasets.csv.sheet import Sheet
from training.datasets.csv.table import NumberTable
from training.runs.errors import DataError, innermost

CSV = Path(__file__).with_name("breast_cancer.csv")
TARGET = "target"
MALIGNANT_TARGET = 0
GROUPS = ("mean", "error", "worst")
UNITS = {"radius": "µm", "texture": "grey levels", "perimeter": "µm", "area": "µm²"}
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Table:
    """Rows with their split. ``matrix`` float64 (n, features), ``malignant`` bool (n,), ``split`` str (n,).

    ``left_out``: columns of the file that are not features, each with the reason.
    """

    features: list[str]
    matrix: np.ndarray
    malignant: np.ndarray
    split: np.ndarray
    source: str
    left_out: dict[str, str] = field(default_factory=dict)

    def part(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Matrix and malignant flags of one split."""
        inside = self.split == split
        return self.matrix[inside], self.malignant[inside]

    def fingerprint(self) -> str:
        """SHA-256 over rows, labels and splits, independent of the order of rows."""
        rows = zip(row_digests(self.matrix), self.malignant, self.split, strict=True)
        text = "\n".join(sorted(f"{digest} {flag} {split}" for digest, flag, split in rows))
        return hashlib.sha256(text.encode()).hexdigest()


def read_with_ray(path: str | None) -> Table:
    """Read the CSV, local or ``s3://…`` (``s3://anonymous@…`` without credentials), with Ray Data.

    AWS_ENDPOINT_URL names an S3 server other than Amazon's. Raises DataError.
    """
    import ray

    source = path or str(CSV)
    if "://" not in source and not Path(source).is_file():
        raise DataError(f"There is no file {source}; give a CSV file or an s3:// address with --data.")
    try:
        path_there, filesystem = storage.filesystem_of(source)
        # Whole files: the number format of a file is decided over all its rows, for batch predictions as well.
        files = ray.data.read_binary_files(path_there, filesystem=filesystem).take_all()
    except Exception as error:
        # Arrow, fsspec and Ray each wrap a missing key or a refused login in their own error types.
        raise DataError(without_secrets(f"{source} cannot be read as CSV: {innermost(error)}")) from error
    return _table([io.BytesIO(file["bytes"]) for file in files], without_secrets(source) if path else CSV.name)


def read_shipped() -> Table:
    """The CSV of this repository, read without Ray."""
    with CSV.open("rb") as file:
        return _table([file], CSV.name)


def _table(files: Sequence[IO[bytes]], source: str) -> Table:
    try:
        names, columns = _columns(files)
        reasons = [
            None if name == TARGET else why_no_feature(name, place, columns[:, place])
            for place, name in enumerate(names)
        ]
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    kept = [place for place, name in enumerate(names) if name != TARGET and reasons[place] is None]
    features = [names[place] for place in kept]
    left_out = {names[place] or f"column {place + 1}": why for place, why in enumerate(reasons) if why}
    matrix = np.ascontiguousarray(columns[:, kept])
    target = columns[:, names.index(TARGET)]
    if not set(np.unique(target)) == {0.0, 1.0}:
        raise DataError(f"{source}: column {TARGET!r} must hold 0 (malignant) and 1 (benign), both.")
    if not features:
        raise DataError(f"{source} has no feature besides {TARGET!r}.")
    malignant = target == MALIGNANT_TARGET
    if min(malignant.sum(), (~malignant).sum()) < 5:
        raise DataError(f"{source} has fewer than 5 rows of a class; too few to split.")
    return Table(features, matrix, malignant, _split(matrix, malignant), source, left_out)


def _columns(files: Sequence[IO[bytes]]) -> tuple[list[str], np.ndarray]:
    """The names of the columns, and float64 (rows, columns), of files with the same header."""
    header: list[str] = []
    parts = []
    for file in files:
        sheet = Sheet(file)
        sheet.refuse_twice()
        if TARGET not in sheet.names:
            raise DataError(f"it has no column {TARGET!r} (0 malignant, 1 benign).")
        at = [i for i, name in enumerate(sheet.names) if name]
        table = NumberTable(sheet, at)
        if table.filled:
            at = sorted({*at, *table.filled})
            table = NumberTable(sheet, at)
        names = [sheet.names[i] for i in at]
        if header and names != header:
            raise DataError("its files have different headers.")
        header = names
        for part in table.parts():
            if wrong := next(filter(None, part.problems), None):
                raise DataError(wrong[0].sentence())
            parts.append(part.matrix)
    return header, np.concatenate(parts) if parts else np.empty((0, len(header)))


def row_digests(matrix: np.ndarray) -> list[str]:
    """SHA-256 of each row's values."""
    return [hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest() for row in matrix]


def _split(matrix: np.ndarray, malignant: np.ndarray) -> np.ndarray:
    digests = np.array(row_digests(matrix))
    split = np.empty(len(matrix), dtype=object)
    for flag in (True, False):
        members = np.flatnonzero(malignant == flag)
        ranked = members[np.argsort(digests[members], kind="stable")]
        first, second = round(0.6 * len(ranked)), round(0.8 * len(ranked))
        split[ranked[:first]], split[ranked[first:second]], split[ranked[second:]] = SPLITS
    return split


def group_of(feature: str) -> str:
    """``mean``, ``error`` or ``worst``."""
    return next((group for group in GROUPS if group in feature.split()), "other")


def unit_of(feature: str) -> str:
    """Unit of a feature, empty for a ratio."""
    return next((unit for name, unit in UNITS.items() if name in feature.split()), "")


def describe(table: Table) -> list[dict[str, object]]:
    """Name, group, unit, range and median of each feature over the training rows."""
    matrix, _ = table.part("train")
    return [
        {
            "name": name,
            "group": group_of(name),
            "unit": unit_of(name),
            "min": float(column.min()),
            "max": float(column.max()),
            "median": float(np.median(column)),
            "step": 10.0 ** (math.floor(math.log10(max(float(np.ptp(column)), 1e-9))) - 2),
        }
        for name, column in zip(table.features, matrix.T, strict=True)
    ]


def _write_csv() -> None:
    from sklearn.datasets import load_breast_cancer

    load_breast_cancer(as_frame=True).frame.to_csv(CSV, index=False)


if __name__ == "__main__":
    _write_csv()
