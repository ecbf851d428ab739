"""Corrected answers: kept with their picture, refused for held-out pictures."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from models.pictures.decode import ImageError
from settings import Settings
from tests.helpers.models import IMAGES
from tests.helpers.samples import pictures
from training.datasets import pictures as dataset
from training.image.corrections import HeldOut, Store


def test_held_out_pictures_are_refused_whatever_file_they_come_in(tmp_path: Path, small_cifar10: Path) -> None:
    settings = Settings(air_home=tmp_path, cifar10_dir=small_cifar10)
    store, splits = Store(IMAGES, settings), dataset.load(IMAGES, settings)
    for part in (splits.test, splits.validation):
        stored = part.stored[0].as_py()
        again = pictures.encoded(Image.open(io.BytesIO(stored)), "BMP")
        for data in (stored, again):
            with pytest.raises(HeldOut, match="one of the validation or test images"):
                store.add(data, "cat", None, None)
    store.add(splits.train.stored[0].as_py(), "cat", None, None)
    assert len(store.all()) == 1


def test_shipped_validation_pictures_are_refused_where_there_is_no_data(tmp_path: Path) -> None:
    store = Store(IMAGES, Settings(air_home=tmp_path, cifar10_dir=None))
    shipped = dataset.read_examples(IMAGES).stored[7].as_py()
    large = Image.open(io.BytesIO(shipped)).resize((224, 224), Image.Resampling.BICUBIC)
    for data in (shipped, pictures.encoded(large, "JPEG", quality=75)):
        with pytest.raises(HeldOut, match="or nearly the same"):
            store.add(data, "cat", None, None)


def test_same_picture_has_one_correction_and_the_newest_comes_first(tmp_path: Path) -> None:
    store = Store(IMAGES, Settings(air_home=tmp_path, cifar10_dir=None))
    first, other = store.add(pictures.striped(0), "cat", "dog", "1"), store.add(pictures.striped(1), "dog", None, None)
    again = store.add(pictures.striped(0), "frog", "dog", "2")
    assert again.id == first.id != other.id
    assert [(item.label, item.answered, item.version) for item in store.all()] == [
        ("frog", "dog", "2"),
        ("dog", None, None),
    ]
    with pytest.raises(ImageError, match="not a picture"):
        store.add(b"hello", "cat", None, None)
