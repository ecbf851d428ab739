"""Pictures that a version of the image family did not learn from: its validation and test set."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from models import specs
from models.artifact.checkpoint import Metadata
from models.pictures.decode import encode_base64_png
from models.specs import ModelSpec
from settings import Settings
from training.datasets import pictures
from training.results.held_out import HeldOut
from training.runs.errors import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredPictures:
    """Pictures as their source keeps them."""

    stored: pictures.Pictures

    def at(self, index: np.ndarray) -> np.ndarray:
        """Those at ``index``, decoded."""
        return self.stored.take(index).decoded()

    def digests(self) -> list[str]:
        """SHA-256 of each one's stored bytes."""
        return self.stored.digests()

    def shown(self, pixels: np.ndarray) -> dict[str, Any]:
        """One of them as base64 of a PNG file."""
        return {"image": encode_base64_png(pixels)}


def load(spec: ModelSpec, settings: Settings, metadata: Metadata | None = None) -> HeldOut:
    """The validation pictures; the few that ship with the spec where its data is not here.

    Raises DataError, also when the version of ``metadata`` knows other classes than the pictures.
    """
    found = _load(spec, settings)
    if metadata and metadata.labels != found.labels:
        raise DataError(f"This version tells {', '.join(metadata.labels)} apart; {found.source} has other classes.")
    return found


def _load(spec: ModelSpec, settings: Settings) -> HeldOut:
    try:
        return _of_the_data(spec.name, settings, pictures.stamp(spec, settings))
    except DataError as error:
        if spec.data.examples is None:
            raise
        return _shipped(spec.name, str(error))


def lacking(spec: ModelSpec, settings: Settings) -> str:
    """What a training must fetch first, in a sentence; empty where the pictures are here."""
    return pictures.lacking(spec, settings)


def test_set(spec: ModelSpec, settings: Settings, metadata: Metadata) -> tuple[pa.Table, bool]:  # noqa: ARG001
    """Names, bytes and truth of the test pictures, and whether they are raw. Raises DataError."""
    splits = pictures.load(spec, settings)
    truth = np.array(splits.labels)[splits.test.labels]
    names = [f"test {number}" for number in range(1, len(splits.test) + 1)]
    return pa.table({"name": names, "bytes": splits.test.stored, "truth": truth}), splits.test.raw


@lru_cache(maxsize=4)
def _of_the_data(model: str, settings: Settings, stamp: tuple[int, ...]) -> HeldOut:  # noqa: ARG001
    """Read once, until the data changes."""
    splits = pictures.load(specs.get(model), settings, download=False)
    return HeldOut(splits.labels, splits.validation.labels, splits.source, StoredPictures(splits.validation))


@lru_cache(maxsize=4)
def _shipped(model: str, reason: str) -> HeldOut:
    """Logs once, for whoever runs the server, what visitors need not know."""
    spec = specs.get(model)
    log.warning("%s Until then the page shows %s.", reason, spec.data.examples_source)
    shipped = pictures.read_examples(spec)
    return HeldOut(spec.data.labels, shipped.labels, spec.data.examples_source, StoredPictures(shipped))
