"""Answers about pictures that people have corrected, kept with the picture for the next training.

    AIR_HOME/corrections/<model>/<id>/
      picture.png        the pixels that the model saw
      correction.json    the right label, and what was answered

The id is computed from the pixels: a picture has at most one correction. Pictures of the validation and
test sets are refused, whatever their file: versions are compared on them, so none may train on them.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from models import specs
from models.pictures.decode import decode, encode_png
from models.specs import ModelSpec
from settings import Settings
from training.datasets import pictures
from training.image.near_duplicates import Known, pixel_digest
from training.runs.errors import DataError
from training.runs.records import write_whole

PICTURE, CORRECTION = "picture.png", "correction.json"
MAX_KEPT = 1_000
ID = re.compile("[0-9a-f]{16}")
HELD_OUT = (
    "It is one of the validation or test images, or nearly the same: versions are compared on them, so none may train "
    "on it."
)


class HeldOut(DataError):
    """The picture belongs to the validation or test images."""


class TooMany(DataError):
    """The limit of corrections is reached."""


class UnknownCorrection(DataError):
    """There is no such correction."""


class Correction(BaseModel):
    """A corrected answer; ``image`` is the model's input as base64 of a PNG file."""

    model_config = ConfigDict(extra="forbid")

    id: str
    label: str
    answered: str | None
    version: str | None
    created: str
    image: str


class Store:
    """The folders of all corrections."""

    def __init__(self, spec: ModelSpec, settings: Settings) -> None:
        self._root = settings.air_home / "corrections" / spec.name
        self._spec, self._settings = spec, settings
        if spec.is_shipped:
            self._adopt_earlier()

    def add(self, picture: bytes, label: str, answered: str | None, version: str | None) -> Correction:
        """Keep the right label of a picture; replaces an earlier correction of the same picture.

        Raises ImageError, HeldOut, TooMany.
        """
        pixels = decode(picture, self._spec.data.size)
        if held_out(self._spec, self._settings).has(pixels):
            raise HeldOut(f"This picture cannot be corrected. {HELD_OUT}")
        folder = self._root / pixel_digest(pixels)[:16]
        if not folder.exists() and len(list(self._root.glob(f"*/{CORRECTION}"))) >= MAX_KEPT:
            raise TooMany(f"There are already {MAX_KEPT} corrections; remove some first.")
        folder.mkdir(parents=True, exist_ok=True)
        png = encode_png(pixels)
        correction = Correction(
            id=folder.name,
            label=label,
            answered=answered,
            version=version,
            created=datetime.now().astimezone().isoformat(timespec="milliseconds"),
            image=base64.b64encode(png).decode(),
        )
        (folder / PICTURE).write_bytes(png)
        write_whole(folder / CORRECTION, correction.model_dump_json(exclude={"image"}))
        return correction

    def _adopt_earlier(self) -> None:
        """Corrections from before there were several models lie one folder higher: they are the shipped model's."""
        for path in self._root.parent.glob(f"*/{CORRECTION}"):
            self._root.mkdir(exist_ok=True)
            path.parent.rename(self._root / path.parent.name)

    def all(self) -> list[Correction]:
        """Every correction, newest first."""
        found = [self._read(path.parent) for path in self._root.glob(f"*/{CORRECTION}")]
        return sorted(found, key=lambda correction: correction.created, reverse=True)

    def remove(self, correction_id: str) -> None:
        """Delete a correction. Raises UnknownCorrection."""
        folder = self._root / correction_id
        if not ID.fullmatch(correction_id) or not (folder / CORRECTION).exists():
            raise UnknownCorrection(f"There is no correction {correction_id[:64]!r}.")
        shutil.rmtree(folder)

    def _read(self, folder: Path) -> Correction:
        kept = json.loads((folder / CORRECTION).read_bytes())
        return Correction(**kept, image=base64.b64encode((folder / PICTURE).read_bytes()).decode())


def training_pictures(
    spec: ModelSpec, settings: Settings, labels: list[str], held_out_images: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 (n, size, size, 3) and labels int64 (n,) to learn from, but for held-out images.

    Raises DataError when there are none, or one has a label that the data does not have.
    """
    forbidden = Known(np.concatenate(held_out_images))
    pixels, targets = [], []
    for correction in Store(spec, settings).all():
        image = decode(base64.b64decode(correction.image), spec.data.size)
        if forbidden.has(image):
            print(f"Correction {correction.id} is not used. {HELD_OUT}", flush=True)
            continue
        if correction.label not in labels:
            raise DataError(
                f"Correction {correction.id} has the label {correction.label!r}, which this data lacks; remove it."
            )
        pixels.append(image)
        targets.append(labels.index(correction.label))
    if not pixels:
        raise DataError("There are no corrections to train on; leave out use_corrections.")
    return np.stack(pixels), np.array(targets, dtype=np.int64)


def held_out(spec: ModelSpec, settings: Settings) -> Known:
    """The validation and test images; those that ship where the data is not here (a training looks again)."""
    return _held_out(spec.name, settings, pictures.stamp(spec, settings))


@lru_cache(maxsize=4)
def _held_out(model: str, settings: Settings, stamp: tuple[int, ...]) -> Known:  # noqa: ARG001
    """Read once, until the data changes: seconds for tens of thousands of pictures."""
    spec = specs.get(model)
    try:
        splits = pictures.load(spec, settings, download=False)
        parts = [splits.validation, splits.test]
    except DataError:
        parts = [pictures.read_examples(spec)]
    return Known(np.concatenate([part.decoded() for part in parts]))
