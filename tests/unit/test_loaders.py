"""How images in memory are divided among workers: each once per epoch, to one worker."""

from __future__ import annotations

import numpy as np
import torch

from training.image import loaders


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


def test_workers_share_an_epoch_without_overlap() -> None:
    shares = [np.concatenate(list(loaders.batches(1000, 100, 3, 0, rank, 2))) for rank in (0, 1)]
    assert len(shares[0]) == len(shares[1]) == 500
    assert not set(shares[0]) & set(shares[1])
