"""Lossless copies of stored pictures: each joins its twin's split, and validation pictures are never trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.models import IMAGES
from tests.helpers.samples import pictures
from training.datasets import originals
from training.datasets import pictures as cifar10
from training.runs.errors import DataError

LABELS = np.arange(20) % 10


@pytest.fixture(scope="module")
def lossless() -> np.ndarray:
    """Twenty photos."""
    return np.stack([np.asarray(pictures.photo(32, 32, seed=i).convert("RGB")) for i in range(20)])


@pytest.fixture(scope="module")
def stored(lossless: np.ndarray) -> np.ndarray:
    """The same, once through JPEG."""
    return cifar10.decode_stored(
        [pictures.encoded(Image.fromarray(image), "JPEG") for image in lossless], raw=False, size=IMAGES.data.size
    )


def _find(folder: Path, stored: np.ndarray) -> originals.Originals | None:
    """Pictures 0 to 14 train, 15 to 17 validate, 18 and 19 are of neither."""
    return originals.find(folder, (stored[:15], LABELS[:15]), (stored[15:18], LABELS[15:18]), 10)


def test_each_copy_goes_where_its_twin_goes(tmp_path: Path, lossless: np.ndarray, stored: np.ndarray) -> None:
    order = np.array([17, 3, 19, 0, 15, 18])
    np.savez(tmp_path / "original_pixels_6.npz", x=lossless[order], y=LABELS[order])
    found = _find(tmp_path, stored)
    assert np.array_equal(found.train[0], lossless[[3, 0]])
    assert found.train[1].tolist() == [3, 0]
    assert np.array_equal(found.validation[0], lossless[[17, 15]])
    assert found.twins.tolist() == [2, 0]


def test_without_a_file_there_are_none(tmp_path: Path, stored: np.ndarray) -> None:
    assert _find(tmp_path, stored) is None


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": np.zeros((2, 32, 32, 3), np.uint8)}, "cannot be read: original_pixels.npz must hold x"),
        ({"x": np.zeros((2, 28, 28, 3), np.uint8), "y": np.zeros(2)}, r"it holds uint8 \(2, 28, 28, 3\)"),
        ({"x": np.zeros((2, 32, 32, 3)), "y": np.zeros(2)}, "it holds float64"),
        ({"x": np.zeros((2, 32, 32, 3), np.uint8), "y": np.array([0, 10])}, "labels go from 0 to 10; 0 to 9 are known"),
        (None, "cannot be read"),
        (np.zeros(3), "cannot be read"),
        ("damaged within", "cannot be read"),
    ],
    ids=["no labels", "another size", "no bytes", "a label too many", "damaged", "no archive", "damaged within"],
)
def test_unusable_file_is_told_in_one_sentence(
    tmp_path: Path, stored: np.ndarray, arrays: dict[str, np.ndarray] | np.ndarray | str | None, sentence: str
) -> None:
    file = tmp_path / "original_pixels.npz"
    if arrays is None:
        file.write_bytes(b"PK\x03\x04 no")
    elif isinstance(arrays, str):
        np.savez_compressed(file, x=np.zeros((9, 32, 32, 3), np.uint8), y=np.zeros(9))
        written = bytearray(file.read_bytes())
        written[60:70] = b"\xff" * 10
        file.write_bytes(written)
    elif isinstance(arrays, np.ndarray):
        with file.open("wb") as stream:
            np.save(stream, arrays)
    else:
        np.savez(file, **arrays)
    with pytest.raises(DataError, match=sentence):
        _find(tmp_path, stored)
