"""Image networks of any size and number of classes: how they begin, and how much they look at at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.artifact.checkpoint import CheckpointError
from models.image import model, shipped
from models.image.model import ImageModel
from models.image.networks import build
from models.image.preprocessing import fit_preprocessor, normalise
from models.registry import PRETRAINED
from tests.helpers.models import IMAGES
from training.image import recipe
from training.image.learner import Learner
from training.image.loaders import MemoryLoader
from training.runs.config import TrainImages

CPU = torch.device("cpu")
NARROW = [8, 8, 8]


@pytest.mark.parametrize("size", [16, 28, 64, 256])
@pytest.mark.parametrize("net", ["airnet", "lenet"])
def test_network_takes_pictures_of_any_size(net: str, size: int) -> None:
    given = {"widths": NARROW} if net == "airnet" else {"size": size}
    network = build({"net": net, "num_classes": 3, **given})
    assert network(torch.zeros(2, 3, size, size)).shape == (2, 3)


def test_network_starts_with_the_shipped_body_and_a_head_of_its_own() -> None:
    given = ImageModel.load(PRETRAINED / IMAGES.name).network.state_dict()
    network = build({"net": "airnet", "num_classes": 3, "widths": shipped.widths(IMAGES.name)})
    before = network.head.weight.clone()
    shipped.load_body(network, IMAGES.name)
    state = network.state_dict()
    assert torch.equal(state.pop("head.weight"), before)
    assert all(torch.equal(value, given[name]) for name, value in state.items())
    with pytest.raises(CheckpointError, match="do not fit this network"):
        shipped.load_body(build({"net": "airnet", "num_classes": 3, "widths": NARROW}), IMAGES.name)
    with pytest.raises(CheckpointError, match="another kind of network"):
        shipped.load_body(build({"net": "lenet", "num_classes": 3}), IMAGES.name)


def test_body_that_has_learned_moves_slower_than_its_head() -> None:
    network = build({"net": "airnet", "num_classes": 3, "widths": NARROW})
    whole, tuned = (recipe.optimisers(network, 25, 1.0, body=body) for body in (1.0, 0.3))
    assert [
        round(mine["peak"] / theirs["peak"], 6)
        for one, other in zip(tuned, whole, strict=True)
        for mine, theirs in zip(one.param_groups, other.param_groups, strict=True)
    ] == [0.3, 1.0, 0.3]


@pytest.mark.parametrize("flip", [True, False])
def test_learner_mirrors_pictures_only_where_it_may(flip: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer pictures than a batch, each unlike its mirror image."""
    monkeypatch.setattr(recipe, "NOISY_SHARE", 0)
    monkeypatch.setattr(recipe, "outliers_for", lambda images, size: 0)
    images = np.zeros((6, 16, 16, 3), dtype=np.uint8)
    images[:, :, :6] = 255
    setup = {
        "job": TrainImages(batch_size=500).model_dump(),
        "count": 6,
        "epochs": 2,
        "translate": 0,
        "cutout": 0,
        "flip": flip,
        "start": None,
        "network": {"net": "airnet", "num_classes": 3, "widths": NARROW},
        "preprocessor": fit_preprocessor(images),
    }
    labels = np.arange(6) % 3
    learner = Learner(setup, MemoryLoader(images, labels, 500, 0, 0, 1, CPU), images, (images, labels), CPU)
    seen = []
    learner.parallel.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].mean((1, 2))))
    for epoch in range(2):
        learner.epoch(epoch)
    begins_white = torch.cat(seen)[:, 0] > 0
    assert (len(begins_white), int(begins_white.sum())) == (12, 6 if flip else 12)


def test_pictures_of_one_colour_channel_are_normalised_without_dividing_by_nothing() -> None:
    images = np.zeros((6, 16, 16, 3), dtype=np.uint8)
    images[..., 0] = np.random.default_rng(0).integers(0, 256, (6, 16, 16))
    fitted = fit_preprocessor(images)
    pixels = images.reshape(-1, 3) / 255
    assert fitted["mean"] == pytest.approx(pixels.mean(0).tolist())
    assert fitted["std"] == pytest.approx([pixels[:, 0].std(), 0.05, 0.05])
    assert torch.isfinite(normalise(torch.from_numpy(images), fitted)).all()


def test_large_pictures_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes(count: int, side: int) -> list[int]:
        return [end - start for start, end in model.parts_of(np.empty((count, side, side, 0)))]

    assert [sizes(64, 32), sizes(64, 128), sizes(20, 256)] == [[64], [31, 31, 2], [7, 7, 6]]
    loaded = ImageModel.load(PRETRAINED / IMAGES.name)
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    at_once = loaded.logits(images)
    monkeypatch.setattr(model, "PIXELS_AT_ONCE", 2 * 32 * 32)
    assert np.allclose(loaded.logits(images), at_once, atol=1e-4)


def test_outliers_of_large_pictures_fit_into_memory() -> None:
    assert [recipe.outliers_for(1_000_000, size) for size in (32, 64, 256)] == [8_000, 8_000, 682]
