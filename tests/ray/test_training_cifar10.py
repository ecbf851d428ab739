"""Training the image networks for real on a small data set."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models import catalog, checkpoint
from models.networks import build
from models.preprocessing import normalise
from models.registry import Registry
from settings import Settings
from training import cifar10 as stage
from training import cifar10_loaders as loaders
from training import cifar10_recipe as recipe
from training import evaluation, outliers
from training.config import TrainCifar10
from training.datasets import cifar10 as dataset
from training.errors import DivergedError


@pytest.fixture(scope="module")
def trained(training_settings: Settings) -> dict[str, Path]:
    """Folders of two runs: the default network on one worker, the chapter's on two, as the chapter loads."""
    runs = {
        "airnet": TrainCifar10(preset="quick", epochs=6, batch_size=60),
        "lenet": TrainCifar10(net="lenet", loader="torch", epochs=8, batch_size=10, num_workers=2),
    }
    return {name: stage.train(config, training_settings)[1] for name, config in runs.items()}


@pytest.mark.parametrize("net", ["airnet", "lenet"])
def test_network_learns(trained: dict[str, Path], net: str) -> None:
    metadata = checkpoint.read_metadata(trained[net])
    assert metadata.config["net"] == net
    assert metadata.metrics["test_accuracy"] >= 0.6
    assert metadata.metrics["validation_accuracy"] >= 0.6


def test_reported_test_accuracy_is_what_the_folder_gives(trained: dict[str, Path], training_settings: Settings) -> None:
    splits = dataset.load(training_settings)
    images = dataset.decode_stored([item.as_py() for item in splits.test.stored], splits.test.raw)
    model = catalog.load(trained["airnet"])
    accuracy = (model.predict(images).argmax(1) == splits.test.labels).mean()
    assert accuracy == pytest.approx(model.metadata.metrics["test_accuracy"])
    assert model.labels == splits.labels


def test_every_epoch_is_in_the_run(trained: dict[str, Path], training_settings: Settings) -> None:
    registry = Registry(training_settings)
    versions = {Path(item.source): item for item in registry.versions("cifar10")}
    run_id = versions[trained["airnet"]].run_id
    steps = {metric.step for metric in registry.client.get_metric_history(run_id, "train_loss")}
    assert steps == set(range(6))
    assert (
        registry.client.get_run(run_id).data.tags["data.fingerprint"] == dataset.load(training_settings).fingerprint()
    )


@pytest.mark.usefixtures("trained")
def test_finished_run_leaves_only_its_version(training_settings: Settings) -> None:
    runs = training_settings.air_home / "runs"
    assert runs.exists()
    assert [path.name for path in runs.iterdir() if path.is_dir()] == []


def test_run_shows_curves_confusion_calibration_classes_and_its_surest_mistakes(
    trained: dict[str, Path], training_settings: Settings
) -> None:
    registry = Registry(training_settings)
    versions = {Path(item.source): item for item in registry.versions("cifar10")}
    for folder in trained.values():
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


def test_first_version_of_a_fresh_home_is_the_shipped_one(
    training_settings: Settings, trained: dict[str, Path]
) -> None:
    champion = Registry(training_settings).resolve("cifar10")
    assert (champion.version, Path(champion.source).name) == ("1", "pretrained")


@pytest.mark.parametrize(
    ("asked", "on_gpu", "on_cpu"),
    [
        ({}, 2_000, 250),
        ({"preset": "best"}, 250, 250),
        ({"net": "lenet"}, 250, 250),
        ({"batch_size": 60}, 60, 60),
    ],
)
def test_batch_suits_where_it_is_learned_from_unless_one_was_asked_for(
    asked: dict[str, Any], on_gpu: int, on_cpu: int
) -> None:
    config = TrainCifar10(**asked)
    assert (config.placed(gpu=True).batch_size, config.placed(gpu=False).batch_size) == (on_gpu, on_cpu)


def test_diverging_loss_names_step_and_rate() -> None:
    network = build({"net": "lenet", "num_classes": 10})
    chosen = recipe.optimisers(network, 10, 1.0)
    before = [p.clone() for p in network.parameters()]
    diverging, targets = torch.full((4, 3, 32, 32), torch.nan), torch.full((4, 10), 0.1)
    with pytest.raises(DivergedError, match=r"step 3 with learning rate 0\.02"):
        recipe.train_step(network, chosen, diverging, targets, False, recipe.Losses(3, on_gpu=False))
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), before, strict=True))


def test_losses_that_are_fetched_together_tell_of_the_first_that_is_not_finite() -> None:
    chosen = recipe.optimisers(build({"net": "lenet", "num_classes": 10}), 10, 1.0)
    losses = recipe.Losses(100, on_gpu=True)
    for step, value in enumerate([0.5, 0.25, math.inf, math.nan]):
        recipe.set_learning_rate(chosen, step / 10)
        losses.add(torch.tensor(value), chosen)
    assert losses.fetched == []
    with pytest.raises(DivergedError, match=r"became inf at step 102 with learning rate 0\.016;"):
        losses.fetch()
    assert losses.fetched == [0.5, 0.25]


def test_training_and_serving_see_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "NOISY_SHARE", 0)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8))
    preprocessor = {"size": 32, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}
    augment = recipe.Augmenter(preprocessor, 10, seed=0, outliers=0, device=torch.device("cpu"), translate=0)
    trained_on, _ = augment(images, torch.arange(5), torch.zeros(5, dtype=torch.bool))
    served = normalise(images, preprocessor)
    assert torch.equal(trained_on, served)
    assert served[0, 0, 3, 4].item() == pytest.approx((images[0, 3, 4, 0].item() / 255 - 0.5) / 0.2, abs=1e-5)


def test_workers_share_an_epoch_without_overlap() -> None:
    shares = [np.concatenate(list(loaders.batches(1000, 100, 3, 0, rank, 2))) for rank in (0, 1)]
    assert len(shares[0]) == len(shares[1]) == 500
    assert not set(shares[0]) & set(shares[1])


def test_flip_alternates_between_epochs() -> None:
    index = np.arange(1000)
    first, second = recipe.flips(index, 0, 0), recipe.flips(index, 1, 0)
    assert (first != second).all()
    assert 400 < int(first.sum()) < 600


def test_outlier_pictures_repeat_by_seed() -> None:
    assert np.array_equal(outliers.draw(16, 1), outliers.draw(16, 1))
    assert not np.array_equal(outliers.draw(16, 1), outliers.draw(16, 2))


def test_surest_mistakes_are_the_wrong_answers_of_highest_probability() -> None:
    answers = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    told = evaluation.surest_mistakes(answers, np.array([0, 1, 0, 0]), ["cat", "dog"], most=2)
    assert told == {"row": [2, 3], "truth": ["cat", "cat"], "answer": ["dog", "dog"], "probability": [0.8, 0.7]}


def test_augmented_image_is_the_image_moved_by_up_to_two_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "NOISY_SHARE", 0)
    preprocessor = {"size": 32, "mean": [0.0] * 3, "std": [1.0] * 3}
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    images = torch.from_numpy(np.stack([image] * 200))
    augment = recipe.Augmenter(preprocessor, 10, seed=0, outliers=0, device=torch.device("cpu"))
    pixels, _ = augment(images, torch.zeros(200, dtype=torch.int64), torch.zeros(200, dtype=torch.bool))
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    moved = {padded[y : y + 32, x : x + 32].tobytes() for y in range(5) for x in range(5)}
    seen = {np.rint(one.permute(1, 2, 0).numpy() * 255).astype(np.uint8).tobytes() for one in pixels}
    assert seen == moved
    augment.begin(0)
    again, _ = augment(images, torch.zeros(200, dtype=torch.int64), torch.zeros(200, dtype=torch.bool))
    assert torch.equal(pixels, again), "an epoch draws from the seed and its number alone"


def test_cutout_blots_out_one_square_of_each_image_and_of_no_outlier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "NOISY_SHARE", 0)
    preprocessor = {"size": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    images = torch.full((300, 32, 32, 3), 255, dtype=torch.uint8)
    augment = recipe.Augmenter(preprocessor, 10, seed=0, outliers=1_000, device=torch.device("cpu"), cutout=10)
    pixels, targets = augment(images, torch.zeros(300, dtype=torch.int64), torch.zeros(300, dtype=torch.bool))
    assert len(pixels) == len(targets) == 306
    blotted = pixels[:300] == 0
    assert (blotted.any(2).sum(2) == 10).all(), "as wide as it should be"
    assert (blotted.any(3).sum(2) == 10).all(), "as high"
    assert (blotted.sum((2, 3)) == 100).all(), "and all of it, in every channel"
    places = {tuple(one[0].nonzero()[0].tolist()) for one in blotted}
    assert len(places) > 200, "anywhere"
    assert (pixels[300:] == 0).float().mean() < 0.1
