"""Trainings on the real CIFAR-10."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.artifact import checkpoint
from settings import Settings
from tests.helpers.models import IMAGES
from tests.helpers.training.own_ray import own_ray
from training.image import data as cifar10_data
from training.image import train as stage
from training.runs.config import TrainImages


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, real_cifar10: Path) -> Iterator[Settings]:
    """A separate Ray and AIR_HOME."""
    with own_ray(Settings(air_home=tmp_path_factory.mktemp("home"), cifar10_dir=real_cifar10)) as settings:
        yield settings


@pytest.fixture(scope="module")
def loaded(settings: Settings) -> cifar10_data.Loaded:
    """All of it, as a training takes it."""
    return cifar10_data.load(IMAGES, settings, TrainImages())


def test_an_epoch_of_quick_learns_from_copies_with_and_without_jpeg_and_says_how_well_it_does_on_both(
    settings: Settings,
) -> None:
    """One epoch of five; what all of them give is measured by ``benchmarks.training``."""
    _, folder, metrics = stage.train(IMAGES, TrainImages(preset="quick", epochs=1), settings)
    assert metrics["validation_accuracy"] >= 0.6
    figures = checkpoint.read_evaluation(folder)["original_pixels"]
    assert figures["rows"] == 505
    assert figures["accuracy"] == metrics["validation_accuracy_on_original_pixels"]
    assert figures["accuracy"] >= figures["accuracy_as_stored"] - 0.02
    data = checkpoint.read_metadata(folder).data
    assert data["originals"] == 4_580
    assert data["rows"] == {"train": 49_580, "validation": 5_000, "test": 10_000}


def test_two_workers_reach_the_accuracy_of_one(settings: Settings, loaded: cifar10_data.Loaded) -> None:
    config = TrainImages(preset="quick", epochs=3)
    images, labels = loaded.train
    few = replace(loaded, train=(images[:6_000], labels[:6_000]))
    accuracy = {}
    for workers in (1, 2):
        _, history = stage.fit(config.model_copy(update={"num_workers": workers}), settings, few)
        accuracy[workers] = history[2]["validation_accuracy"]
    assert accuracy[1] >= 0.45
    assert accuracy[2] == pytest.approx(accuracy[1], abs=0.05)
