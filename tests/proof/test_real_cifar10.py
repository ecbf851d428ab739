"""The real CIFAR-10 is read, split and predicted as documented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import catalog
from models.image.model import ImageModel
from settings import Settings
from tests.helpers.models import IMAGES
from tests.helpers.samples.versions import SHIPPED
from training.datasets import originals
from training.datasets import pictures as cifar10

BATCH = 250
BACKENDS = [("openvino", "fp32"), ("openvino", "bf16"), ("torch", "bf16")]


def test_real_images_split_as_documented(real_cifar10: Path, tmp_path: Path) -> None:
    splits = cifar10.load(IMAGES, Settings(air_home=tmp_path, cifar10_dir=real_cifar10))
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (45_000, 5_000, 10_000)
    assert (np.bincount(splits.validation.labels) == 500).all()


def test_real_copies_split_like_their_pictures(real_cifar10: Path, tmp_path: Path) -> None:
    settings = Settings(air_home=tmp_path, cifar10_dir=real_cifar10)
    splits = cifar10.load(IMAGES, settings)
    train, validation = (
        (cifar10.decode_stored(part.stored.to_pylist(), part.raw, IMAGES.data.size), part.labels)
        for part in (splits.train, splits.validation)
    )
    found = originals.find(settings.cifar10_dir, train, validation, 10)
    assert (len(found.train[1]), len(found.validation[1])) == (4_580, 505)
    assert (validation[1][found.twins] == found.validation[1]).all()
    assert len(set(found.twins)) == 505


def _served(home: Path, engine: str, precision: str) -> ImageModel:
    settings = Settings(air_home=home, air_engine=engine, air_precision=precision)
    return catalog.load_to_serve(SHIPPED / "cifar10", settings)


def _answers(model: ImageModel, images: np.ndarray) -> np.ndarray:
    return np.concatenate([model.predict(images[i : i + BATCH]) for i in range(0, len(images), BATCH)])


@pytest.fixture(scope="module")
def thousands(real_cifar10: Path) -> tuple[np.ndarray, np.ndarray]:
    """A third of the test set: every third picture."""
    test = cifar10.load(IMAGES, Settings(cifar10_dir=real_cifar10)).test.take(np.arange(0, 10_000, 3))
    return test.decoded(), np.array(test.labels)


@pytest.fixture(scope="module")
def torch_answers(thousands: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return _answers(ImageModel.load(SHIPPED / "cifar10"), thousands[0])


@pytest.mark.parametrize(("engine", "precision"), BACKENDS)
def test_no_conclusion_changes_on_test_pictures(
    tmp_path: Path,
    thousands: tuple[np.ndarray, np.ndarray],
    torch_answers: np.ndarray,
    engine: str,
    precision: str,
) -> None:
    images, labels = thousands
    model = _served(tmp_path, engine, precision)
    assert (model.backend, model.precision) == (engine, precision)
    answers = _answers(model, images)
    assert len(answers) == 3_334
    assert (answers.argmax(1) == torch_answers.argmax(1)).mean() >= 0.99
    accuracy, reference = (answers.argmax(1) == labels).mean(), (torch_answers.argmax(1) == labels).mean()
    assert abs(accuracy - reference) <= 0.0015
    assert np.abs(answers - torch_answers).mean() <= 0.01
