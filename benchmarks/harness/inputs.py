"""The inputs that are sent to the servers: JPEG pictures or JSON rows, each with its right label."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from PIL import Image

from models import catalog, specs
from settings import Settings

PICTURES = 256
JPEG_QUALITY = 90
# A server forms different batches than this module, so a close answer may be rounded the other way.
SURE = 0.2
CHECKS_PER_LABEL = 3


@dataclass(frozen=True)
class Inputs:
    """Bodies for one model; ``labels`` are its answers in this process, ``checks`` the indices of clear ones."""

    model: str
    content_type: str
    bodies: list[bytes]
    labels: list[str]
    checks: list[int]
    backend: str
    source: str

    def write(self, folder: Path) -> Path:
        """Write the bodies as files 0, 1, … into a new folder and return it."""
        folder.mkdir()
        for i, body in enumerate(self.bodies):
            (folder / str(i)).write_bytes(body)
        return folder


def pictures(checkpoint: Path, settings: Settings) -> Inputs:
    """CIFAR-10's test images as JPEG if CIFAR10_DIR is set, otherwise drawn pictures."""
    from models.pictures.decode import decode

    pixels, source = _cifar10(settings) if settings.cifar10_dir else _drawn()
    bodies = [_jpeg(image) for image in pixels]
    model = catalog.load_to_serve(checkpoint, settings)
    probabilities = model.predict(np.stack([decode(body, model.size) for body in bodies]))
    return _inputs("cifar10", "image/jpeg", bodies, probabilities, model, source)


def rows(checkpoint: Path, settings: Settings) -> Inputs:
    """The validation rows of the shipped table, one JSON object each."""
    from training.datasets.tables import read

    table = read(specs.get("breast-cancer"))
    matrix = table.rows("validation")
    bodies = [orjson.dumps(dict(zip(table.names, row, strict=True))) for row in matrix.tolist()]
    model = catalog.load_to_serve(checkpoint, settings)
    malignant = model.predict(matrix)
    probabilities = np.stack([malignant, 1 - malignant], axis=1)
    return _inputs("breast-cancer", "application/json", bodies, probabilities, model, "validation rows")


def _inputs(
    name: str, content_type: str, bodies: list[bytes], probabilities: np.ndarray, model: Any, source: str
) -> Inputs:
    best = probabilities.argmax(1)
    runner_up, top = np.sort(probabilities, axis=1)[:, -2:].T
    margin = top - runner_up
    checks: list[int] = []
    for label in np.unique(best):
        members = np.flatnonzero((best == label) & (margin > SURE))
        checks += members[np.argsort(-margin[members])][:CHECKS_PER_LABEL].tolist()
    labels = [model.labels[i] for i in best]
    return Inputs(name, content_type, bodies, labels, checks, f"{model.backend} {model.precision}", source)


def _cifar10(settings: Settings) -> tuple[np.ndarray, str]:
    from training.datasets import pictures as cifar10

    test = cifar10.load(specs.get("cifar10"), settings, download=False).test
    chosen = test.take(np.arange(min(PICTURES, len(test))))
    return chosen.decoded(), "CIFAR-10 test images"


def _drawn() -> tuple[np.ndarray, str]:
    from training.image.outliers import draw

    return draw(PICTURES, seed=0), "drawn pictures (CIFAR10_DIR is not set)"


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
