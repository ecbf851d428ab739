"""The images as a training takes them: read, decoded, completed, handed to its workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.image.preprocessing import fit_preprocessor
from models.specs import ModelSpec
from settings import Settings
from training.datasets import originals
from training.datasets import pictures as dataset
from training.datasets.originals import Labelled
from training.image import corrections
from training.runs.config import TrainImages

SAMPLE_IMAGES = 5_000


@dataclass(frozen=True)
class Loaded:
    """The data of a training, and the preprocessing fitted on it.

    ``train`` is None where pictures are decoded during the training; ``sample`` has some of them in any case.
    """

    spec: ModelSpec
    splits: dataset.Splits
    stored: dataset.Pictures
    sample: np.ndarray
    validation: Labelled
    test: Labelled
    preprocessor: dict[str, Any]
    train: Labelled | None = None
    originals: originals.Originals | None = None
    corrections: int = 0

    @property
    def train_count(self) -> int:
        """Pictures in an epoch."""
        return len(self.stored) if self.train is None else len(self.train[1])

    def recipe(self, config: TrainImages) -> dict[str, Any]:
        """The ``setup`` of a ``training.image.learner.Learner`` for a ``placed`` config; plain numbers and words."""
        preset = config.chosen(self.spec)
        return {
            "job": config.model_dump(),
            "epochs": preset.epochs,
            "translate": preset.translate,
            "cutout": preset.cutout,
            "network": self.network(config),
            "preprocessor": self.preprocessor,
        }

    def network(self, config: TrainImages) -> dict[str, Any]:
        """What ``models.image.networks.build`` takes."""
        classes, size = len(self.splits.labels), self.spec.data.size
        if config.net == "lenet":
            return {"net": "lenet", "num_classes": classes, "size": size}
        return {"net": "airnet", "num_classes": classes, "widths": list(config.chosen(self.spec).widths)}

    def setup(self, config: TrainImages) -> dict[str, Any]:
        """The recipe and its images in Ray's object store: what ``training.image.worker.make_learner`` takes."""
        import ray

        return {
            **self.recipe(config),
            "count": self.train_count,
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
    validation, test = ((dataset.decode_with_ray(part), part.labels) for part in (splits.validation, splits.test))
    if config.loader != "memory":
        sample = dataset.decode_with_ray(stored.take(np.arange(min(SAMPLE_IMAGES, len(stored)))))
        return Loaded(spec, splits, stored, sample, validation, test, fit_preprocessor(sample))
    train = dataset.decode_with_ray(stored), stored.labels
    copies = originals.find(dataset.folder(spec, settings), train, validation, len(splits.labels))
    if copies is not None:
        print(f"{len(copies.train[1]):,} of the training images also in lossless form", flush=True)
        train = _joined(train, copies.train)
    corrected = 0
    if config.use_corrections:
        added, corrected = _corrections(spec, config, settings, splits.labels, (validation[0], test[0]))
        train = _joined(train, added)
    sample, preprocessor = train[0][:SAMPLE_IMAGES], fit_preprocessor(train[0])
    return Loaded(spec, splits, stored, sample, validation, test, preprocessor, train, copies, corrected)


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
