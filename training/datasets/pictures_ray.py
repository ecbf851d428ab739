"""Training pictures as Ray data sets, for workers that do not hold all of them: rows of image, label and id.

``image`` is uint8 (32, 32, 3); ``id`` is a number that identifies the picture in every epoch.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pyarrow as pa
import ray
import ray.data
import torch

from models.pictures.decode import ImageError, decode
from training.datasets.pictures import SIZE, Pictures, decode_stored
from training.runs.ray_session import give_way

TRAIN = "train"
BLOCK_PICTURES = 1_000
DECODING_CPUS = 0.5


def streamed(pictures: Pictures) -> ray.data.Dataset:
    """A lazy data set of stored pictures, shuffled by blocks and decoded when a worker reads them."""
    columns = {"id": np.arange(len(pictures)), "label": pictures.labels, "stored": pictures.stored}
    blocks = [pa.table(columns).slice(start, BLOCK_PICTURES) for start in range(0, len(pictures), BLOCK_PICTURES)]
    return (
        ray.data.from_arrow(blocks)
        .randomize_block_order()
        .map_batches(_decoded, fn_kwargs={"raw": pictures.raw}, batch_size=BLOCK_PICTURES, num_cpus=DECODING_CPUS)
    )


def _decoded(batch: dict[str, np.ndarray], raw: bool) -> dict[str, np.ndarray]:
    """Decoded pictures; an unreadable one is black and not ``readable``, as a task's error would lose its sentence."""
    give_way()
    stored = list(batch["stored"])
    try:
        images, readable = decode_stored(stored, raw), np.ones(len(stored), dtype=bool)
    except ImageError:
        one_by_one = [_decoded_or_none(data) for data in stored]
        readable = np.array([image is not None for image in one_by_one])
        black = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
        images = np.stack([black if image is None else image for image in one_by_one])
    return {"id": batch["id"], "label": batch["label"], "image": images, "readable": readable}


def _decoded_or_none(data: bytes) -> np.ndarray | None:
    try:
        return decode(data, SIZE)
    except ImageError:
        return None


class TorchPictures(torch.utils.data.Dataset):
    """Stored pictures as in torchvision's CIFAR10: ``[i]`` is pixels uint8 (32, 32, 3) and a label.

    For a picture that cannot be decoded, no pixels and ``i``, for the same reason as in ``_decoded``.
    """

    def __init__(self, pictures: Pictures) -> None:
        self._stored = pictures.stored
        self._labels, self._raw = pictures.labels, pictures.raw

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        try:
            return decode_stored([self._stored[index].as_py()], self._raw)[0], int(self._labels[index])
        except ImageError:
            return np.empty((0, 0, 3), dtype=np.uint8), index


def from_torch(pictures: Pictures) -> ray.data.Dataset:
    """A Ray data set from a torch data set, as in the Ray AIR chapter: read once, its pairs turned into columns."""
    return ray.data.from_torch(TorchPictures(pictures)).map_batches(to_labeled_image).materialize()


def to_labeled_image(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Turn pairs of pixels and label, from ``from_torch``, into columns; a picture's id is its checksum."""
    readable = np.array([image.size > 0 for image, _ in batch["item"]])
    images = np.zeros((len(readable), SIZE, SIZE, 3), dtype=np.uint8)
    images[readable] = [image for image, _ in batch["item"] if image.size]
    labels = np.array([label for _, label in batch["item"]])
    ids = np.where(readable, [crc32(image.tobytes()) for image in images], labels)
    return {"image": images, "label": labels, "id": ids, "readable": readable}
