"""Lossless copies of training pictures, for a data set that holds JPEGs.

A file ``original_pixels*.npz`` in the folder of the pictures: ``x`` uint8 (n, size, size, 3) and ``y`` labels (n,).
Each goes where its stored twin goes, the nearest picture of its class: a copy of a validation picture never trains.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.runs.errors import DataError

FILES = "original_pixels*.npz"
# A JPEG of this size differs from its original by about 100; two different pictures differ by thousands.
LARGEST_MEAN_SQUARE = 500.0
# uint8 (n, size, size, 3) and labels int64 (n,).
Labelled = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Originals:
    """Copies of training pictures, copies of validation pictures, and their twins' places in the validation set."""

    train: Labelled
    validation: Labelled
    twins: np.ndarray


def find(folder: Path | None, train: Labelled, validation: Labelled, classes: int) -> Originals | None:
    """The originals of these pictures; None where the data source has none.

    Omits originals without a twin here, which may be of test images. Raises DataError for a damaged file.
    """
    files = sorted(folder.glob(FILES)) if folder else []
    if not files:
        return None
    read = [_read(file, train[0].shape[1:], classes) for file in files]
    pixels, labels = (np.concatenate(parts) for parts in zip(*read, strict=True))
    twin = _twins(pixels, labels, np.concatenate((train[0], validation[0])), np.concatenate((train[1], validation[1])))
    trains, validates = (twin >= 0) & (twin < len(train[1])), twin >= len(train[1])
    return Originals(
        train=(pixels[trains], labels[trains]),
        validation=(pixels[validates], labels[validates]),
        twins=twin[validates] - len(train[1]),
    )


def _read(file: Path, shape: tuple[int, ...], classes: int) -> Labelled:
    wanted = f"{file.name} must hold x, pixels uint8 (n, {', '.join(map(str, shape))}), and y, their labels"
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            pixels, labels = arrays["x"], arrays["y"].astype(np.int64)
    # TypeError: a single array instead of an archive.
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file} cannot be read: {wanted}.") from error
    if pixels.dtype != np.uint8 or pixels.shape[1:] != shape or labels.shape != pixels.shape[:1]:
        raise DataError(f"{wanted}; it holds {pixels.dtype} {pixels.shape} and {labels.shape}.")
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise DataError(f"{file.name}: labels go from {labels.min()} to {labels.max()}; 0 to {classes - 1} are known.")
    return pixels, labels


def _twins(pixels: np.ndarray, labels: np.ndarray, stored: np.ndarray, known: np.ndarray) -> np.ndarray:
    """For each original, the nearest stored picture of its class, or -1 where none is near enough."""
    twins = np.full(len(pixels), -1)
    for label in np.unique(labels):
        mine, members = np.flatnonzero(labels == label), np.flatnonzero(known == label)
        if not len(members):
            continue
        ours = pixels[mine].reshape(len(mine), -1).astype(np.float32)
        theirs = stored[members].reshape(len(members), -1).astype(np.float32)
        # |a - b|² = |a|² - 2ab + |b|²
        distances = (ours**2).sum(1)[:, None] - 2 * ours @ theirs.T + (theirs**2).sum(1)
        nearest = distances.argmin(1)
        near = distances[np.arange(len(mine)), nearest] <= LARGEST_MEAN_SQUARE * ours.shape[1]
        twins[mine[near]] = members[nearest[near]]
    return twins
