"""How training images reach the workers: each once an epoch, decoded on the way where memory is short."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from settings import Settings
from tests.helpers import pictures
from training import cifar10 as stage
from training import cifar10_data
from training import cifar10_loaders as loaders
from training.config import TrainCifar10
from training.datasets import cifar10_ray
from training.datasets.cifar10 import Pictures, decode_stored

STORE_MB = 80
DISTINCT, TIMES = 500, 62


@pytest.fixture(scope="module")
def small_store(tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path) -> Iterator[Settings]:
    """A Ray whose object store holds 80 MiB."""
    import ray

    from training import ray_session

    home = tmp_path_factory.mktemp("home")
    settings = Settings(air_home=home, cifar10_dir=small_cifar10)
    ray_session.connect(settings, object_store_memory=STORE_MB * 2**20)
    yield settings
    ray.shutdown()


@pytest.fixture(scope="module")
def many() -> Pictures:
    """31,000 pictures of one colour and noise each, 95 MB when decoded; label i has colour 25 i."""
    random = np.random.default_rng(0)
    stored, labels = [], np.arange(DISTINCT) % 10
    for label in labels:
        pixels = np.clip(25 * label + random.normal(0, 9, (32, 32, 3)), 0, 255).astype(np.uint8)
        stored.append(pictures.encoded(Image.fromarray(pixels), "JPEG"))
    index = np.tile(np.arange(DISTINCT), TIMES)
    return Pictures(pa.array(stored, type=pa.binary()).take(pa.array(index)), labels[index], raw=False)


def test_memory_loader_gives_each_image_once_an_epoch_and_each_worker_its_share() -> None:
    images = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(40)
    seen = []
    for rank in (0, 1):
        loader = loaders.MemoryLoader(images, labels, 10, seed=3, rank=rank, world=2, device=torch.device("cpu"))
        assert loader.steps == 4
        for pixels, known, ids in loader.epoch(5):
            assert (pixels[:, 0, 0, 0] == known).all()
            assert (known.numpy() == ids).all()
            seen += known.tolist()
    assert sorted(seen) == list(range(40))


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
    assert next(loader.epoch(1))[2].tolist() != ids[:500], "not shuffled anew"


def test_network_learns_from_a_stream_larger_than_the_object_store(small_store: Settings, many: Pictures) -> None:
    config = TrainCifar10(net="lenet", loader="stream", epochs=1, batch_size=100, num_workers=2)
    small = cifar10_data.load(small_store, config)
    held_out = (decode_stored(many.stored.slice(0, 200).to_pylist(), raw=False), many.labels[:200])
    streamed = cifar10_data.Loaded(small.splits, many, held_out[0], held_out, held_out, small.preprocessor)
    _, history = stage.fit(config, small_store, streamed)
    assert history[0]["validation_accuracy"] >= 0.8


def test_fewer_images_than_a_batch_are_one_shared_by_the_workers(small_store: Settings, many: Pictures) -> None:
    few, device = many.take(np.arange(30)), torch.device("cpu")
    images = decode_stored(few.stored.to_pylist(), raw=False)
    for loader in (
        loaders.MemoryLoader(images, few.labels, 250, seed=0, rank=1, world=2, device=device),
        loaders.ShardLoader(cifar10_ray.streamed(few).iterator(), 30, 250, seed=0, world=2, device=device),
        loaders.ShardLoader(cifar10_ray.from_torch(few).iterator(), 30, 250, seed=0, world=2, device=device),
    ):
        assert loader.steps == 1
        assert [len(labels) for _, labels, _ in loader.epoch(0)] == [15]


def test_fewer_images_than_a_batch_are_learned_from(small_store: Settings) -> None:
    config = TrainCifar10(net="lenet", loader="stream", epochs=2, max_images=30, num_workers=2)
    _, history = stage.fit(config, small_store, cifar10_data.load(small_store, config))
    assert history[1]["train_loss"] < history[0]["train_loss"]


def test_the_chapters_pairs_become_columns(small_store: Settings, many: Pictures) -> None:
    few = many.take(np.arange(30))
    rows = sorted(cifar10_ray.from_torch(few).take_all(), key=lambda row: row["id"])
    wanted = decode_stored(few.stored.to_pylist(), raw=False)
    assert sorted(row["label"] for row in rows) == sorted(few.labels)
    assert {row["image"].tobytes() for row in rows} == {image.tobytes() for image in wanted}
    assert len({row["id"] for row in rows}) == 30


def test_corrections_are_learned_from_in_memory_only() -> None:
    with pytest.raises(ValueError, match="use_corrections needs the loader memory"):
        TrainCifar10(loader="stream", use_corrections=True)
