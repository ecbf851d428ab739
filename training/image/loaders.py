"""Loaders that deliver training images to a worker, batch by batch.

    memory   decoded once, as uint8 in Ray's object store; a batch is a slice of it. The fastest.
    stream   Ray Data streams stored pictures and decodes them on the way: for more than memory holds.
    torch    as in the Ray AIR chapter: ``ray.data.from_torch`` over a torch data set, then ``map_batches``.

``stream`` and ``torch`` are the worker's shard of a data set of ``training.datasets.pictures_ray``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from training.runs.errors import UnreadablePictureError

SHUFFLED_BATCHES = 8
# uint8 (n, size, size, 3), labels int64 (n,), and for each picture a number that stays its own in every epoch.
Batch = tuple[Tensor, Tensor, np.ndarray]


class Loader(Protocol):
    """One worker's share of the training images."""

    steps: int
    """Batches per epoch, the same for all workers."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, shuffled."""


class MemoryLoader:
    """Slices of all images; each worker holds a copy of them on its ``device`` during the training."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, batch_size: int, seed: int, rank: int, world: int, device: Any
    ) -> None:
        # Arrays from the object store are read-only, which torch does not support.
        self._images = torch.from_numpy(np.array(images)).to(device)
        self._labels = torch.from_numpy(np.array(labels)).to(device)
        self._batch_size, self._seed, self._rank, self._world = batch_size, seed, rank, world
        self.steps = sum(1 for _ in self._indices(0))

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, determined by the seed."""
        for index in self._indices(number):
            yield self._images[index], self._labels[index], index

    def _indices(self, number: int) -> Iterator[np.ndarray]:
        return batches(len(self._labels), self._batch_size, number, self._seed, self._rank, self._world)


class ShardLoader:
    """The worker's shard of a Ray data set of ``count`` pictures, shuffled within a window of a few batches."""

    def __init__(self, shard: Any, count: int, batch_size: int, seed: int, world: int, device: Any) -> None:
        self._shard, self._seed, self._device = shard, seed, device
        self._batch_size = share_of_a_batch(count, batch_size, world)
        self.steps = max(1, count // (self._batch_size * world))

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch; their order depends on when blocks arrive. Raises UnreadablePictureError."""
        shuffled = self._shard.iter_torch_batches(
            batch_size=self._batch_size,
            drop_last=True,
            local_shuffle_buffer_size=SHUFFLED_BATCHES * self._batch_size,
            local_shuffle_seed=self._seed + number,
            device=self._device,
        )
        for batch in islice(shuffled, self.steps):
            ids = batch["id"].cpu().numpy()
            if "readable" in batch and not batch["readable"].all():
                raise UnreadablePictureError(int(ids[~batch["readable"].cpu().numpy()][0]))
            size = math.isqrt(batch["image"][0].numel() // 3)
            yield batch["image"].reshape(-1, size, size, 3), batch["label"], ids


def batches(count: int, batch_size: int, epoch: int, seed: int, rank: int, world: int) -> Iterator[np.ndarray]:
    """Index batches of one worker's share of an epoch; all workers get the same number."""
    order = np.random.default_rng((seed, epoch)).permutation(count)
    per_worker = share_of_a_batch(count, batch_size, world)
    steps = max(1, count // (per_worker * world))
    for step in range(steps):
        start = (step * world + rank) * per_worker
        yield order[start : start + per_worker]


def share_of_a_batch(count: int, batch_size: int, world: int) -> int:
    """Pictures of a batch for each of ``world`` workers; fewer pictures than a batch make one batch."""
    return max(1, min(batch_size, count) // world)
