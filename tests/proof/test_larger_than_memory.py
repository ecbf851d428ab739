"""More training images than Ray's object store holds: each is used once per epoch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from settings import Settings
from tests.helpers.models import IMAGES
from tests.helpers.samples import pictures
from tests.helpers.training.own_ray import own_ray
from training.datasets import pictures_ray as cifar10_ray
from training.datasets.pictures import Pictures
from training.image import data as cifar10_data
from training.image import loaders
from training.image import train as stage
from training.runs.config import TrainImages

STORE_MB = 80


@pytest.fixture(scope="module")
def small_store(tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path) -> Iterator[Settings]:
    """A Ray whose object store holds 80 MiB."""
    settings = Settings(air_home=tmp_path_factory.mktemp("home"), cifar10_dir=small_cifar10)
    with own_ray(settings, object_store_memory=STORE_MB * 2**20):
        yield settings


@pytest.fixture(scope="module")
def many() -> Pictures:
    """31,000 pictures, 95 MB when decoded."""
    return pictures.coloured(31_000)


def test_stream_of_more_than_the_object_store_holds_gives_each_picture_once(
    small_store: Settings, many: Pictures
) -> None:
    assert len(many) * 32 * 32 * 3 > 1.1 * STORE_MB * 2**20
    loader = loaders.ShardLoader(
        cifar10_ray.streamed(many).iterator(), len(many), 500, seed=0, world=1, device=torch.device("cpu")
    )
    assert loader.steps == 62
    ids: list[int] = []
    for images, labels, numbers in loader.epoch(0):
        assert images.shape == (500, 32, 32, 3)
        assert ((images.float().mean((1, 2, 3)) - 25 * labels).abs() < 9).all()
        ids += numbers.tolist()
    assert sorted(ids) == list(range(31_000))
    assert next(loader.epoch(1))[2].tolist() != ids[:500], "not shuffled again"


def test_network_learns_from_a_stream_larger_than_the_object_store(small_store: Settings, many: Pictures) -> None:
    config = TrainImages(net="lenet", loader="stream", epochs=1, batch_size=100, num_workers=2)
    small = cifar10_data.load(IMAGES, small_store, config)
    held_out = (
        many.take(np.arange(200)).decoded(),
        many.labels[:200],
    )
    streamed = cifar10_data.Loaded(IMAGES, small.splits, many, held_out[0], held_out, held_out, small.preprocessor)
    _, history = stage.fit(config, small_store, streamed)
    assert history[0]["validation_accuracy"] >= 0.8
