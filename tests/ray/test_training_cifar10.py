"""Real trainings of the image networks on a small data set.

Each start of a training takes seconds, so there are two: the default network's, which also trains on a correction
and whose worker is killed on the way, and the Ray AIR chapter's, on two workers with the chapter's loader.
"""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import catalog
from models.artifact import checkpoint
from models.registry import Registry
from settings import Settings
from tests.helpers.models import IMAGES
from tests.helpers.samples import pictures
from tests.helpers.training.killed_worker import train_loop_killed_at
from training.datasets import pictures as dataset
from training.image import data as cifar10_data
from training.image import train as stage
from training.image.corrections import Store
from training.image.learner import Learner, logits_of
from training.image.loaders import MemoryLoader
from training.runs.config import TrainImages
from training.runs.errors import DataError
from training.runs.progress import Epoch

EPOCHS, KILLED_AT = 3, 2
RUN = TrainImages(preset="quick", epochs=EPOCHS, batch_size=50, num_workers=1)
CORRECTED = RUN.model_copy(update={"use_corrections": True})
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Correction:
    """A picture that a network misclassified, and its right label."""

    pixels: np.ndarray
    truth: str


@dataclass(frozen=True)
class Undisturbed:
    """An uninterrupted run of the default network, in this process.

    ``kept`` is its state after ``KILLED_AT`` epochs, as a file holds it.
    """

    loaded: cifar10_data.Loaded
    weights: dict[str, torch.Tensor]
    history: dict[int, Epoch]
    kept: bytes


@dataclass(frozen=True)
class Trained:
    """The folders of both runs, and what the first one printed."""

    airnet: Path
    lenet: Path
    said: str


def _learner(loaded: cifar10_data.Loaded) -> Learner:
    loader = MemoryLoader(*loaded.train, RUN.batch_size, RUN.seed, 0, 1, CPU)
    return Learner(loaded.recipe(RUN), loader, loaded.sample, loaded.validation, CPU)


@pytest.fixture(scope="module")
def correction(training_settings: Settings) -> Correction:
    """A correction of what a network answers that was trained without it; it is kept where trainings find it."""
    loaded = cifar10_data.load(IMAGES, training_settings, RUN)
    learner = _learner(loaded)
    for epoch in range(EPOCHS):
        learner.epoch(epoch)
    picture, labels = pictures.striped(), loaded.splits.labels
    pixels = np.asarray(Image.open(io.BytesIO(picture)))
    answered = labels[logits_of(learner.network, pixels[None], loaded.preprocessor, CPU)[0].argmax()]
    truth = next(label for label in reversed(labels) if label != answered)
    Store(IMAGES, training_settings).add(picture, truth, answered, "1")
    return Correction(pixels, truth)


@pytest.fixture(scope="module")
def undisturbed(training_settings: Settings, correction: Correction) -> Undisturbed:
    loaded = cifar10_data.load(IMAGES, training_settings, CORRECTED)
    learner, history, kept = _learner(loaded), {}, io.BytesIO()
    for epoch in range(EPOCHS):
        if epoch == KILLED_AT:
            torch.save(learner.state(), kept)
        history[epoch] = learner.epoch(epoch) | learner.validate()
    return Undisturbed(loaded, learner.network.state_dict(), history, kept.getvalue())


@pytest.fixture(scope="module")
def trained(training_settings: Settings, correction: Correction, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    killed = tmp_path_factory.mktemp("killed") / "worker"
    chapters = TrainImages(net="lenet", loader="torch", epochs=3, batch_size=10, num_workers=2)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as said:
        patch.setattr(stage, "train_loop", train_loop_killed_at(KILLED_AT, killed))
        airnet = stage.train(IMAGES, CORRECTED, training_settings)[1]
    assert killed.exists()
    return Trained(airnet, stage.train(IMAGES, chapters, training_settings)[1], said.getvalue())


@pytest.mark.parametrize("net", ["airnet", "lenet"])
def test_network_learns(trained: Trained, net: str) -> None:
    metadata = checkpoint.read_metadata(getattr(trained, net))
    assert metadata.config["net"] == net
    assert metadata.metrics["test_accuracy"] >= 0.6
    assert metadata.metrics["validation_accuracy"] >= 0.6


def test_reported_test_accuracy_is_what_the_folder_gives(trained: Trained, training_settings: Settings) -> None:
    splits = dataset.load(IMAGES, training_settings)
    images = dataset.decode_stored([item.as_py() for item in splits.test.stored], splits.test.raw, IMAGES.data.size)
    model = catalog.load(trained.airnet)
    accuracy = (model.predict(images).argmax(1) == splits.test.labels).mean()
    assert accuracy == pytest.approx(model.metadata.metrics["test_accuracy"])
    assert model.labels == splits.labels


def test_every_epoch_is_in_the_run(trained: Trained, training_settings: Settings) -> None:
    registry = Registry(training_settings)
    versions = {Path(item.source): item for item in registry.versions("cifar10")}
    run_id = versions[trained.airnet].run_id
    steps = {metric.step for metric in registry.client.get_metric_history(run_id, "train_loss")}
    assert steps == set(range(EPOCHS))
    assert (
        registry.client.get_run(run_id).data.tags["data.fingerprint"]
        == dataset.load(IMAGES, training_settings).fingerprint()
    )


@pytest.mark.usefixtures("trained")
def test_finished_run_leaves_only_its_version(training_settings: Settings) -> None:
    runs = training_settings.air_home / "runs"
    assert runs.exists()
    assert [path.name for path in runs.iterdir() if path.is_dir()] == []


def test_run_shows_curves_confusion_calibration_classes_and_its_surest_mistakes(
    trained: Trained, training_settings: Settings
) -> None:
    registry = Registry(training_settings)
    versions = {Path(item.source): item for item in registry.versions("cifar10")}
    for folder in (trained.airnet, trained.lenet):
        run_id = versions[folder].run_id
        shown = {Path(item.path).stem for item in registry.client.list_artifacts(run_id, "figures")}
        assert shown == {"curves", "confusion", "calibration", "accuracy_by_class", "surest_mistakes"}
        table = registry.client.download_artifacts(run_id, "tables/surest_mistakes.json")
        mistakes = json.loads(Path(table).read_text())
        rows = [dict(zip(mistakes["columns"], row, strict=True)) for row in mistakes["data"]]
        wrong = 40 - round(40 * checkpoint.read_metadata(folder).metrics["validation_accuracy"])
        assert len(rows) == min(wrong, 25)
        assert all(row["truth"] != row["answer"] for row in rows)
        sure = [row["probability"] for row in rows]
        assert sure == sorted(sure, reverse=True)


def test_first_version_of_a_fresh_home_is_the_shipped_one(training_settings: Settings, trained: Trained) -> None:
    champion = Registry(training_settings).resolve("cifar10")
    assert (champion.version, Path(champion.source).name) == ("1", "pretrained")


def test_run_whose_worker_is_killed_ends_as_one_that_was_left_alone(trained: Trained, undisturbed: Undisturbed) -> None:
    assert trained.said.count("continuing from the last epoch") == 1
    model, history = catalog.load(trained.airnet), undisturbed.history
    after = {int(epoch): figures for epoch, figures in checkpoint.read_evaluation(trained.airnet)["history"].items()}
    assert sorted(after) == sorted(history) == list(range(EPOCHS))
    for epoch in range(EPOCHS):
        assert after[epoch]["train_loss"] == pytest.approx(history[epoch]["train_loss"], rel=1e-4), epoch
    last = EPOCHS - 1
    assert after[last]["validation_accuracy"] == pytest.approx(history[last]["validation_accuracy"], abs=0.026)
    state = model.network.state_dict()
    assert all(torch.allclose(state[name], value, atol=1e-3) for name, value in undisturbed.weights.items())


def test_run_that_goes_on_from_a_kept_state_ends_with_the_same_weights(undisturbed: Undisturbed) -> None:
    second = _learner(undisturbed.loaded)
    second.restore(torch.load(io.BytesIO(undisturbed.kept), weights_only=True))
    for epoch in range(KILLED_AT, EPOCHS):
        second.epoch(epoch)
    weights = undisturbed.weights
    assert all(torch.equal(value, weights[name]) for name, value in second.network.state_dict().items())


def test_training_is_wrong_before_the_correction_and_right_after(
    trained: Trained, correction: Correction, training_settings: Settings
) -> None:
    learned = catalog.load(trained.airnet)
    assert learned.labels[learned.predict(correction.pixels[None])[0].argmax()] == correction.truth
    assert learned.metadata.data["corrections"] == 1
    without = checkpoint.read_metadata(trained.lenet).data
    assert without["corrections"] == 0
    assert learned.metadata.data["fingerprint"] == without["fingerprint"], "the gate could not compare"
    Store(IMAGES, training_settings).remove(Store(IMAGES, training_settings).all()[0].id)
    with pytest.raises(DataError, match="no corrections to train on"):
        stage.train(IMAGES, CORRECTED, training_settings)


def test_test_picture_kept_where_there_was_no_data_is_not_learned_from(
    training_settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    without = training_settings.model_copy(update={"cifar10_dir": None})
    test = dataset.load(IMAGES, training_settings).test
    Store(IMAGES, without).add(test.stored[3].as_py(), "cat", None, None)
    with pytest.raises(DataError, match="no corrections"):
        stage.train(IMAGES, CORRECTED, training_settings)
    assert "is not used" in capfd.readouterr().out
    Store(IMAGES, without).remove(Store(IMAGES, without).all()[0].id)
