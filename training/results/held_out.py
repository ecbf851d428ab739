"""The validation set in the form of the API, and a version's predictions for it.

The spec and the metadata of a version determine its validation rows or pictures; the families' ``held_out``
modules read them. Predictions are calculated once per version and cached in AIR_HOME/cache.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from uuid import uuid4

import numpy as np

from models import catalog, specs
from models.artifact import checkpoint, storage
from models.artifact.checkpoint import Metadata
from models.specs import ModelSpec
from settings import Settings
from training import families

AT_ONCE = 500
# Of concurrent requests for a set that is not in memory, only one reads it.
LOADING = Lock()


class Inputs(Protocol):
    """Pictures or rows, as they are stored."""

    def at(self, index: np.ndarray) -> np.ndarray:
        """Inputs in the form of ``predict``: uint8 (n, size, size, 3), or float64 (n, features)."""

    def digests(self) -> list[str]:
        """SHA-256 of each input."""

    def shown(self, given: np.ndarray) -> dict[str, Any]:
        """One input in the form of the API: ``row``, or ``image`` as base64 of a PNG file."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out pictures or rows with their truth: the place in ``labels``, or the number of a regression."""

    labels: list[str]
    truth: np.ndarray
    source: str
    inputs: Inputs

    def label(self, i: int) -> str:
        """The true label of an input; of a regression the number as text."""
        return self.labels[self.truth[i]] if self.labels else f"{self.truth[i]:.6g}"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the inputs, in their order."""
        return hashlib.sha256("".join(self.inputs.digests()).encode()).hexdigest()


def load(spec: ModelSpec, settings: Settings, metadata: Metadata | None = None) -> HeldOut:
    """The validation set of a version, or of the spec's own data. Raises DataError."""
    with LOADING:
        return families.part(spec.family, "held_out").load(spec, settings, metadata)


def kept_answers(source: str, settings: Settings) -> np.ndarray | None:
    """The cached result of ``answers``, or None. Raises CheckpointError, DataError."""
    folder = storage.here(source, settings)
    if folder is None:
        return None
    kept = _kept(folder, settings, _of(folder, settings))
    return np.load(kept) if kept.exists() else None


def answers(source: str, settings: Settings) -> np.ndarray:
    """Probabilities, float32 (n, labels), of the version at ``source`` for its validation set.

    Raises CheckpointError when the version cannot be loaded, DataError when its data cannot be read.
    """
    folder = storage.fetch(source, settings)
    held_out = _of(folder, settings)
    kept = _kept(folder, settings, held_out)
    if kept.exists():
        return np.load(kept)
    model, count = catalog.load_to_serve(folder, settings), len(held_out.truth)
    parts = [
        model.distribution(model.predict(held_out.inputs.at(np.arange(start, min(start + AT_ONCE, count)))))
        for start in range(0, count, AT_ONCE)
    ]
    calculated = np.concatenate(parts).astype(np.float32)
    kept.parent.mkdir(parents=True, exist_ok=True)
    half = kept.with_suffix(f".{uuid4().hex}.npy")
    np.save(half, calculated)
    half.replace(kept)
    return calculated


def _of(folder: Path, settings: Settings) -> HeldOut:
    metadata = checkpoint.read_metadata(folder)
    return load(specs.get(metadata.model), settings, metadata)


def _kept(folder: Path, settings: Settings, held_out: HeldOut) -> Path:
    version = checkpoint.sha256(folder / checkpoint.MANIFEST)
    return settings.air_home / "cache" / f"validation-{version[:16]}-{held_out.fingerprint[:16]}.npy"
