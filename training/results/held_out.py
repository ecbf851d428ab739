"""The validation set as the API shows it, and what a version answers to it.

Which rows or pictures a version was measured by follows from its spec and its metadata; the families' ``held_out``
modules read them. Answers are calculated once for a version and kept in AIR_HOME/cache.
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
from models.pictures.decode import encode_base64_png
from models.specs import ModelSpec
from settings import Settings
from training import families

AT_ONCE = 500
# Of many who ask at once for a set that nobody has read, one reads it.
LOADING = Lock()


class Inputs(Protocol):
    """Pictures or rows, as they are stored."""

    def at(self, index: np.ndarray) -> np.ndarray:
        """Inputs as ``predict`` takes them: uint8 (n, size, size, 3), or float64 (n, features)."""

    def digests(self) -> list[str]:
        """SHA-256 of each."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out pictures or rows with their truth, ``labels[truth[i]]``; ``features`` of rows only."""

    labels: list[str]
    truth: np.ndarray
    source: str
    features: list[str]
    inputs: Inputs

    def shown(self, given: np.ndarray) -> dict[str, Any]:
        """One of the inputs as the API shows it: ``row``, or ``image`` as base64 of a PNG file."""
        if self.features:
            return {"row": dict(zip(self.features, map(float, given), strict=True))}
        return {"image": encode_base64_png(given)}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the inputs, in their order."""
        return hashlib.sha256("".join(self.inputs.digests()).encode()).hexdigest()


def load(spec: ModelSpec, settings: Settings, metadata: Metadata | None = None) -> HeldOut:
    """The validation set of a version, or of the spec's own data; read once. Raises DataError."""
    with LOADING:
        return families.part(spec.family, "held_out").load(spec, settings, metadata)


def kept_answers(source: str, settings: Settings) -> np.ndarray | None:
    """What ``answers`` has calculated before, if this machine has it. Raises CheckpointError, DataError."""
    folder = storage.here(source, settings)
    if folder is None:
        return None
    kept = _kept(folder, settings, _of(folder, settings))
    return np.load(kept) if kept.exists() else None


def answers(source: str, settings: Settings) -> np.ndarray:
    """Probabilities, float32 (n, labels), of the version at ``source`` for its validation set.

    Raises CheckpointError when the version cannot be loaded, DataError when its data cannot.
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
