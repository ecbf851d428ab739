"""Training images streamed through Ray Data to a worker: each once per epoch, decoded on the way.

``tests/proof/test_larger_than_memory.py`` uses more than the object store holds.
"""

from __future__ import annotations

import numpy as np
import pytest
import ray.data
import torch

from settings import Settings
from tests.helpers.models import IMAGES
from tests.helpers.samples import pictures
from training.datasets import pictures_ray as cifar10_ray
from training.datasets.pictures import Pictures, decode_stored
from training.image import data as cifar10_data
from training.image import loaders
from training.image.learner import Learner
from training.runs.config import TrainImages

pytestmark = pytest.mark.usefixtures("training_settings")


@pytest.fixture(scope="module")
def many() -> Pictures:
    """3,000 pictures: several blocks."""
    return pictures.coloured(3_000)


@pytest.fixture(scope="module")
def few(many: Pictures) -> Pictures:
    """Thirty of them."""
    return many.take(np.arange(30))


@pytest.fixture(scope="module")
def few_of_torch(training_settings: Settings, few: Pictures) -> ray.data.Dataset:
    """The same with the Ray AIR chapter's loader."""
    return cifar10_ray.from_torch(few)


def test_stream_gives_each_picture_once_and_shuffled_again(many: Pictures) -> None:
    loader = loaders.ShardLoader(
        cifar10_ray.streamed(many).iterator(), len(many), 500, seed=0, world=1, device=torch.device("cpu")
    )
    assert loader.steps == 6
    ids: list[int] = []
    for images, labels, numbers in loader.epoch(0):
        assert images.shape == (500, 32, 32, 3)
        assert ((images.float().mean((1, 2, 3)) - 25 * labels).abs() < 9).all()
        ids += numbers.tolist()
    assert sorted(ids) == list(range(3_000))
    assert next(loader.epoch(1))[2].tolist() != ids[:500], "not shuffled again"


def test_fewer_images_than_a_batch_are_one_shared_by_the_workers(few: Pictures, few_of_torch: ray.data.Dataset) -> None:
    device = torch.device("cpu")
    images = decode_stored(few.stored.to_pylist(), raw=False, size=IMAGES.data.size)
    for loader in (
        loaders.MemoryLoader(images, few.labels, 250, seed=0, rank=1, world=2, device=device),
        loaders.ShardLoader(cifar10_ray.streamed(few).iterator(), 30, 250, seed=0, world=2, device=device),
        loaders.ShardLoader(few_of_torch.iterator(), 30, 250, seed=0, world=2, device=device),
    ):
        assert loader.steps == 1
        assert [len(labels) for _, labels, _ in loader.epoch(0)] == [15]


def test_fewer_images_than_a_batch_are_learned_from(training_settings: Settings) -> None:
    config = TrainImages(net="lenet", loader="stream", epochs=2, max_images=30).placed(IMAGES, gpu=False)
    loaded, device = cifar10_data.load(IMAGES, training_settings, config), torch.device("cpu")
    shard = cifar10_ray.streamed(loaded.stored).iterator()
    loader = loaders.ShardLoader(shard, loaded.train_count, config.batch_size, seed=0, world=1, device=device)
    learner = Learner(loaded.recipe(config), loader, loaded.sample, loaded.validation, device)
    first, second = learner.epoch(0), learner.epoch(1)
    assert second["train_loss"] < first["train_loss"]


def test_the_chapters_pairs_become_columns(few: Pictures, few_of_torch: ray.data.Dataset) -> None:
    rows = sorted(few_of_torch.take_all(), key=lambda row: row["id"])
    wanted = decode_stored(few.stored.to_pylist(), raw=False, size=IMAGES.data.size)
    assert sorted(row["label"] for row in rows) == sorted(few.labels)
    assert {row["image"].tobytes() for row in rows} == {image.tobytes() for image in wanted}
    assert len({row["id"] for row in rows}) == 30
