"""The validation set as the API shows it, and what a version answers to it.

Answers are calculated once for a version and kept in AIR_HOME/cache.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from uuid import uuid4

import numpy as np

from models import catalog
from models.artifact import checkpoint, storage
from settings import Settings
from training.datasets import pictures as cifar10
from training.datasets import tables as breast_cancer
from training.runs.errors import DataError

log = logging.getLogger(__name__)

AT_ONCE = 500
# Of many who ask at once for a set that nobody has read, one reads it.
LOADING = Lock()


@dataclass(frozen=True)
class Validation:
    """Held-out pictures or rows with their truth, ``labels[truth[i]]``; ``features`` of rows only."""

    labels: list[str]
    truth: np.ndarray
    source: str
    features: list[str]
    stored: cifar10.Pictures | np.ndarray

    def inputs(self, index: np.ndarray) -> np.ndarray:
        """Pixels uint8 (n, 32, 32, 3), or rows float64 (n, features), at ``index``."""
        if isinstance(self.stored, np.ndarray):
            return self.stored[index]
        chosen = self.stored.take(index)
        return cifar10.decode_stored([item.as_py() for item in chosen.stored], chosen.raw)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the inputs, in their order."""
        rows = isinstance(self.stored, np.ndarray)
        digests = breast_cancer.row_digests(self.stored) if rows else self.stored.digests()
        return hashlib.sha256("".join(digests).encode()).hexdigest()


def load(model: str, settings: Settings) -> Validation:
    """The validation set of a model, read once; of the image model the few pictures that ship where CIFAR-10 is not."""
    with LOADING:
        return _load(model, settings)


def _load(model: str, settings: Settings) -> Validation:
    if model == "breast-cancer":
        return _rows()
    try:
        return _pictures(settings)
    except DataError as error:
        return _shipped_pictures(str(error))


@lru_cache(maxsize=1)
def _rows() -> Validation:
    table = breast_cancer.read_shipped()
    matrix, malignant = table.part("validation")
    return Validation(["malignant", "benign"], (~malignant).astype(np.int64), table.source, table.features, matrix)


@lru_cache(maxsize=4)
def _pictures(settings: Settings) -> Validation:
    splits = cifar10.load(settings, download=False)
    return Validation(splits.labels, splits.validation.labels, splits.source, [], splits.validation)


@lru_cache(maxsize=4)
def _shipped_pictures(reason: str) -> Validation:
    """Says once in the log, for who runs the server, what visitors need not know."""
    log.warning("%s Until then the page shows %s.", reason, cifar10.SHIPPED_SOURCE)
    shipped = cifar10.read_shipped()
    return Validation(cifar10.LABELS, shipped.labels, cifar10.SHIPPED_SOURCE, [], shipped)


def kept_answers(model: str, source: str, settings: Settings) -> np.ndarray | None:
    """What ``answers`` has calculated before, if this machine has it. Raises CheckpointError."""
    folder = storage.here(source, settings)
    if folder is None:
        return None
    kept = _kept(model, folder, settings)
    return np.load(kept) if kept.exists() else None


def _kept(model: str, folder: Path, settings: Settings) -> Path:
    version = checkpoint.sha256(folder / checkpoint.MANIFEST)
    return settings.air_home / "cache" / f"validation-{version[:16]}-{load(model, settings).fingerprint[:16]}.npy"


def answers(model: str, source: str, settings: Settings) -> np.ndarray:
    """Probabilities, float32 (n, labels), of the version at ``source`` for the validation set.

    Raises CheckpointError when the version cannot be loaded.
    """
    validation = load(model, settings)
    folder = storage.fetch(source, settings)
    kept = _kept(model, folder, settings)
    if kept.exists():
        return np.load(kept)
    loaded = catalog.load_to_serve(folder, settings)
    parts = [
        loaded.predict(validation.inputs(np.arange(start, min(start + AT_ONCE, len(validation.truth)))))
        for start in range(0, len(validation.truth), AT_ONCE)
    ]
    calculated = np.concatenate(parts).astype(np.float32)
    if calculated.ndim == 1:  # the table model says one number, the probability of its first label
        calculated = np.stack([calculated, 1 - calculated], axis=1)
    kept.parent.mkdir(parents=True, exist_ok=True)
    half = kept.with_suffix(f".{uuid4().hex}.npy")
    np.save(half, calculated)
    half.replace(kept)
    return calculated
