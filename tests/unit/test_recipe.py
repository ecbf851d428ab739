"""The training recipe: augmentation of pictures, and the message about a loss that is not a number."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.image.networks import build
from models.image.preprocessing import normalise
from training.image import outliers, recipe
from training.runs.errors import DivergedError


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


def test_flip_alternates_between_epochs() -> None:
    index = np.arange(1000)
    first, second = recipe.flips(index, 0, 0), recipe.flips(index, 1, 0)
    assert (first != second).all()
    assert 400 < int(first.sum()) < 600


def test_outlier_pictures_repeat_by_seed() -> None:
    assert np.array_equal(outliers.draw(16, 1), outliers.draw(16, 1))
    assert not np.array_equal(outliers.draw(16, 1), outliers.draw(16, 2))


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
