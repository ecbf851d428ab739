"""The images as a training takes them: read, decoded, completed, handed to its workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.image import shipped
from models.image.preprocessing import fit_preprocessor
from models.specs import ModelSpec
from settings import Settings
from training.datasets import originals
from training.datasets import pictures as dataset
from training.datasets.originals import Labelled
from training.image import corrections
from training.image.near_duplicates import look_alike_mirrored
from training.runs.config import TrainImages

SAMPLE_IMAGES = 5_000
SAMPLE_PIXELS = SAMPLE_IMAGES * 32 * 32
# The presets give pixels of pictures of this size.
PRESET_SIDE = 32


@dataclass(frozen=True)
class Loaded:
    """The data of a training, and the preprocessing fitted on it.

    ``train`` is None where pictures are decoded during the training; ``sample`` has some of them in any case.
    ``flip``: a mirrored picture shows the same as the picture.
    """

    spec: ModelSpec
    splits: dataset.Splits
    stored: dataset.Pictures
    sample: np.ndarray
    validation: Labelled
    test: Labelled
    preprocessor: dict[str, Any]
    flip: bool = True
    train: Labelled | None = None
    originals: originals.Originals | None = None
    corrections: int = 0

    @property
    def train_count(self) -> int:
        """Pictures in an epoch."""
        return len(self.stored) if self.train is None else len(self.train[1])

    def recipe(self, config: TrainImages) -> dict[str, Any]:
        """The ``setup`` of a ``training.image.learner.Learner`` for a ``placed`` config; plain numbers and words."""
        preset, scale = config.chosen(self.spec), self.spec.data.size / PRESET_SIDE
        return {
            "job": config.model_dump(),
            "count": self.train_count,
            "epochs": preset.epochs,
            "translate": max(1, round(scale * preset.translate)) if preset.translate else 0,
            "cutout": round(scale * preset.cutout),
            "flip": self.flip,
            "start": self.spec.pretrained if config.init == "shipped" else None,
            "network": self.network(config),
            "preprocessor": self.preprocessor,
        }

    def network(self, config: TrainImages) -> dict[str, Any]:
        """What ``models.image.networks.build`` takes."""
        classes, size = len(self.splits.labels), self.spec.data.size
        if config.net == "lenet":
            return {"net": "lenet", "num_classes": classes, "size": size}
        if config.init == "shipped":
            return {"net": "airnet", "num_classes": classes, "widths": shipped.widths(self.spec.pretrained)}
        return {"net": "airnet", "num_classes": classes, "widths": list(config.chosen(self.spec).widths)}

    def setup(self, config: TrainImages) -> dict[str, Any]:
        """The recipe and its images in Ray's object store: what ``training.image.worker.make_learner`` takes."""
        import ray

        return {
            **self.recipe(config),
            "images": None if self.train is None else [ray.put(part) for part in self.train],
            "sample": ray.put(self.sample),
            "validation": [ray.put(part) for part in self.validation],
        }


def load(spec: ModelSpec, settings: Settings, config: TrainImages) -> Loaded:
    """Read and decode the data. Raises DataError."""
    splits = dataset.load(spec, settings)
    stored = splits.train
    if config.max_images is not None:
        stored = stored.take(np.arange(min(config.max_images, len(stored))))
    print(
        f"{splits.source}: {len(stored):,} training, {len(splits.validation):,} validation, "
        f"{len(splits.test):,} test images; decoding",
        flush=True,
    )
    for sentence in splits.noted.sentences(spec.data.size):
        print(sentence, flush=True)
    validation, test = ((dataset.decode_with_ray(part), part.labels) for part in (splits.validation, splits.test))
    few = max(100, min(SAMPLE_IMAGES, SAMPLE_PIXELS // spec.data.size**2))
    if config.loader != "memory":
        sample = dataset.decode_with_ray(stored.take(np.arange(min(few, len(stored)))))
        flip = _flip(spec, (sample, stored.labels[: len(sample)]))
        return Loaded(spec, splits, stored, sample, validation, test, fit_preprocessor(sample), flip)
    train = dataset.decode_with_ray(stored), stored.labels
    flip = _flip(spec, train)
    copies = originals.find(dataset.folder(spec, settings), train, validation, len(splits.labels))
    if copies is not None:
        print(f"{len(copies.train[1]):,} of the training images also in lossless form", flush=True)
        train = _joined(train, copies.train)
    corrected = 0
    if config.use_corrections:
        added, corrected = _corrections(spec, config, settings, splits.labels, (validation[0], test[0]))
        train = _joined(train, added)
    sample, preprocessor = train[0][:few], fit_preprocessor(train[0])
    return Loaded(spec, splits, stored, sample, validation, test, preprocessor, flip, train, copies, corrected)


def _flip(spec: ModelSpec, train: Labelled) -> bool:
    """Whether to mirror training pictures: what the spec says, else whether they look like their class then."""
    if spec.data.flip is not None:
        return spec.data.flip
    alike = look_alike_mirrored(*train)
    if not alike:
        print("Training pictures are not mirrored: mirrored, they look less like their class", flush=True)
    return alike


def _corrections(
    spec: ModelSpec, config: TrainImages, settings: Settings, labels: list[str], held_out: tuple[np.ndarray, ...]
) -> tuple[Labelled, int]:
    """Corrected pictures, each as often as its weight says, and how many there are."""
    pixels, targets = corrections.training_pictures(spec, settings, labels, list(held_out))
    weight = config.correction_weight
    print(f"{len(targets)} corrections, each counted as {weight} images", flush=True)
    return (np.repeat(pixels, weight, axis=0), np.repeat(targets, weight)), len(targets)


def _joined(one: Labelled, other: Labelled) -> Labelled:
    return np.concatenate((one[0], other[0])), np.concatenate((one[1], other[1]))
