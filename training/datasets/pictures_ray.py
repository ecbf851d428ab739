"""Training pictures as Ray data sets, for workers that do not hold all of them: rows of image, label and id.

``image`` is uint8 (size, size, 3); ``id`` is a number that stays the picture's own in every epoch.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pyarrow as pa
import ray
import ray.data
import torch

from models.pictures.decode import ImageError, decode
from training.datasets.pictures import Pictures, decode_stored
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
        .map_batches(
            _decoded,
            fn_kwargs={"raw": pictures.raw, "size": pictures.size},
            batch_size=BLOCK_PICTURES,
            num_cpus=DECODING_CPUS,
        )
    )


def _decoded(batch: dict[str, np.ndarray], raw: bool, size: int) -> dict[str, np.ndarray]:
    """A picture that cannot be read is black and not ``readable``: an error of a task would lose its sentence."""
    give_way()
    stored = list(batch["stored"])
    try:
        images, readable = decode_stored(stored, raw, size), np.ones(len(stored), dtype=bool)
    except ImageError:
        one_by_one = [_decoded_or_none(data, size) for data in stored]
        readable = np.array([image is not None for image in one_by_one])
        black = np.zeros((size, size, 3), dtype=np.uint8)
        images = np.stack([black if image is None else image for image in one_by_one])
    return {"id": batch["id"], "label": batch["label"], "image": images, "readable": readable}


def _decoded_or_none(data: bytes, size: int) -> np.ndarray | None:
    try:
        return decode(data, size)
    except ImageError:
        return None


class TorchPictures(torch.utils.data.Dataset):
    """Stored pictures as a data set of torchvision gives them: ``[i]`` is pixels uint8 (size, size, 3) and a label.

    For a picture that cannot be decoded, no pixels and ``i``, for the same reason as in ``_decoded``.
    """

    def __init__(self, pictures: Pictures) -> None:
        self._stored = pictures.stored
        self._labels, self._raw, self._size = pictures.labels, pictures.raw, pictures.size

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        try:
            return decode_stored([self._stored[index].as_py()], self._raw, self._size)[0], int(self._labels[index])
        except ImageError:
            return np.empty((0, 0, 3), dtype=np.uint8), index


def from_torch(pictures: Pictures) -> ray.data.Dataset:
    """The chapter's path: a torch data set, read once, its pairs made into columns."""
    return (
        ray.data.from_torch(TorchPictures(pictures))
        .map_batches(to_labeled_image, fn_kwargs={"size": pictures.size})
        .materialize()
    )


def to_labeled_image(batch: dict[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    """Pairs of pixels and label, as ``from_torch`` gives them, as columns; a picture's id is its checksum."""
    readable = np.array([image.size > 0 for image, _ in batch["item"]])
    images = np.zeros((len(readable), size, size, 3), dtype=np.uint8)
    images[readable] = [image for image, _ in batch["item"] if image.size]
    labels = np.array([label for _, label in batch["item"]])
    ids = np.where(readable, [crc32(image.tobytes()) for image in images], labels)
    return {"image": images, "label": labels, "id": ids, "readable": readable}
