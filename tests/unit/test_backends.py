"""The backend that serves the image model changes no label, and torch replaces it when it fails."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from models import catalog
from models.image import backends
from models.image.model import ImageModel
from settings import Settings
from tests.helpers.samples.versions import SHIPPED
from training.image import outliers

BATCH = 250
BACKENDS = [("openvino", "fp32"), ("openvino", "bf16"), ("torch", "bf16")]


def _served(home: Path, engine: str, precision: str) -> ImageModel:
    settings = Settings(air_home=home, air_engine=engine, air_precision=precision)
    return catalog.load_to_serve(SHIPPED / "cifar10", settings)


def _answers(model: ImageModel, images: np.ndarray) -> np.ndarray:
    return np.concatenate([model.predict(images[i : i + BATCH]) for i in range(0, len(images), BATCH)])


@pytest.mark.parametrize(("engine", "precision"), BACKENDS)
def test_no_conclusion_changes_on_drawn_pictures(tmp_path: Path, engine: str, precision: str) -> None:
    """Strange pictures, where answers are close; ``tests/proof/test_real_cifar10.py`` does it with the test set."""
    images = outliers.draw(500, 7)
    answers = _answers(_served(tmp_path, engine, precision), images)
    reference = _answers(ImageModel.load(SHIPPED / "cifar10"), images)
    assert np.abs(answers - reference).mean() <= 0.01
    clear = np.sort(reference, 1)[:, -1] - np.sort(reference, 1)[:, -2] > 0.1
    assert (answers.argmax(1) == reference.argmax(1))[clear].mean() >= 0.99


def test_chosen_by_what_the_machine_can_do(tmp_path: Path) -> None:
    model = _served(tmp_path, "auto", "auto")
    assert model.backend == "openvino"
    assert model.precision == ("bf16" if backends.has_fast_bf16() else "fp32")


def test_exported_once_and_read_again(tmp_path: Path) -> None:
    images = outliers.draw(8, 1)
    first = _served(tmp_path, "openvino", "fp32").predict(images)
    exported = list((tmp_path / "cache").glob("*.xml"))
    assert len(exported) == 1
    written = exported[0].stat().st_mtime_ns
    assert np.array_equal(_served(tmp_path, "openvino", "fp32").predict(images), first)
    assert exported[0].stat().st_mtime_ns == written


@pytest.mark.parametrize("harm", ["broken", "other"])
def test_torch_answers_when_the_export_does_not(tmp_path: Path, harm: str) -> None:
    """A damaged export, and one of another network, are noticed; the answers stay right."""
    _served(tmp_path, "openvino", "fp32")
    exported = next((tmp_path / "cache").glob("*.xml"))
    weights = exported.with_suffix(".bin")
    if harm == "broken":
        exported.write_text(exported.read_text()[:500])
    else:
        weights.write_bytes(os.urandom(64) * (weights.stat().st_size // 64 + 1))
    model = catalog.load_to_serve(SHIPPED / "cifar10", Settings(air_home=tmp_path))
    assert (model.backend, model.precision) == ("torch", "fp32")
    images = outliers.draw(8, 1)
    assert model.predict(images) == pytest.approx(ImageModel.load(SHIPPED / "cifar10").predict(images), abs=1e-6)
