"""A user's own pictures: a training from the shipped weights, its version, and what else needs the data.

A few of scikit-learn's digits, at another size than the shipped model's, with a cut off picture and a copy.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from models import catalog, specs
from models.artifact import checkpoint
from models.specs import ModelSpec
from settings import Settings, get_settings
from tests.helpers.samples import digits, pictures
from training.image import train as stage
from training.image import trials
from training.results import held_out
from training.runs.config import TrainImages
from training.tuning.config import Task, TuneImages

SIZE, COUNT = 28, 200


@dataclass(frozen=True)
class Trained:
    """A version of the digits, and what its training printed."""

    spec: ModelSpec
    version: str
    folder: Path
    said: str


@pytest.fixture(scope="module")
def settings(ray_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with an AIR_HOME of its own, which is the process's, that has the digits."""
    home = tmp_path_factory.mktemp("home")
    folder = digits.write(home, COUNT, SIZE) / "pictures"
    (folder / "3" / "cut.png").write_bytes(pictures.refused()["cut png"])
    first = sorted((folder / "7").iterdir())[0]
    shutil.copy(first, folder / "7" / "copy.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIR_HOME", str(home))
        get_settings.cache_clear()
        yield ray_settings.model_copy(update={"air_home": home})
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def trained(settings: Settings) -> Trained:
    """Trained by ``quick``, as a person would, but for fewer epochs."""
    spec = specs.read(settings.air_home / "models" / digits.NAME / specs.FILE)
    with redirect_stdout(io.StringIO()) as said:
        version, folder, _ = stage.train(spec, TrainImages(preset="quick", epochs=10), settings)
    return Trained(spec, version, folder, said.getvalue())


def test_digits_are_learned_from_the_shipped_weights_and_not_mirrored(trained: Trained) -> None:
    metadata = checkpoint.read_metadata(trained.folder)
    assert trained.version == "1"
    assert metadata.metrics["validation_accuracy"] >= 0.8
    assert metadata.metrics["test_accuracy"] >= 0.8
    assert metadata.labels == [str(digit) for digit in range(10)]
    assert (metadata.training["init"], metadata.training["batch_size"]) == ("shipped", 25)
    assert (metadata.config["widths"], metadata.preprocessor["size"]) == ([64, 256, 256], SIZE)
    assert metadata.data["mirrored"] is False
    assert "Training pictures are not mirrored" in trained.said


def test_broken_picture_and_copy_are_named_in_the_log_and_the_metadata(trained: Trained) -> None:
    data = checkpoint.read_metadata(trained.folder).data
    assert list(data["left_out"]) == ["3/cut.png"]
    assert list(data["copies"]) == ["7/copy.png"]
    assert sum(data["rows"].values()) == COUNT + 1
    assert "Left out: 3/cut.png: The picture is damaged" in trained.said
    assert (
        "Copies of other pictures, each in the same split as the first: 1 (7/copy.png equals 7/0007.png)"
        in trained.said
    )


def test_version_has_the_figures_of_the_shipped_one(trained: Trained) -> None:
    figures = checkpoint.read_evaluation(trained.folder)
    shipped = checkpoint.read_evaluation(Path("models/pretrained/cifar10"))
    assert set(figures["validation"]) == set(shipped["validation"])
    assert set(figures["unsure"]) == set(shipped["unsure"])
    assert np.sum(figures["validation"]["confusion"]["matrix"]) == figures["validation"]["rows"]
    assert figures["unsure"]["below"] <= 0.9


def test_served_version_answers_its_held_out_pictures_as_in_its_evaluation(
    trained: Trained, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(specs, "get", lambda name: {trained.spec.name: trained.spec}[name])
    model = catalog.load_to_serve(trained.folder, settings)
    shown = held_out.load(trained.spec, settings, model.metadata)
    images = shown.inputs.at(np.arange(len(shown.truth)))
    assert images.shape[1:] == (SIZE, SIZE, 3)
    right = (model.predict(images).argmax(1) == shown.truth).mean()
    assert right == pytest.approx(model.metadata.metrics["validation_accuracy"], abs=0.026)
    answers = held_out.answers(str(trained.folder), settings)
    assert answers.shape == (len(shown.truth), 10)
    assert model.encode(images[:1], answers[:1], top_k=3)[0]["label"] in model.labels


def test_trials_of_few_pictures_see_them_more_often_and_start_from_the_shipped_weights(
    trained: Trained, settings: Settings
) -> None:
    prepared = trials.prepare(Task(trained.spec, TuneImages()), settings)
    assert prepared.longest == 30
    assert TuneImages().epochs_for(10_000) == 4
    assert TuneImages(epochs=2).epochs_for(100) == 2
