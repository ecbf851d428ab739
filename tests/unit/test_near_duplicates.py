"""Detection of pictures of a set, in modified form."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from sklearn.datasets import load_digits

from models.pictures.decode import decode
from tests.helpers.models import IMAGES
from tests.helpers.samples import pictures
from training.datasets import pictures as cifar10
from training.image.near_duplicates import Known, look_alike_mirrored


@pytest.fixture(scope="module")
def shipped() -> np.ndarray:
    """Forty pictures of CIFAR-10, four a class."""
    return cifar10.decode_stored(
        [item.as_py() for item in cifar10.read_examples(IMAGES).stored], raw=False, size=IMAGES.data.size
    )


def _again(picture: Image.Image, kind: str, **options: object) -> np.ndarray:
    return decode(pictures.encoded(picture, kind, **options), IMAGES.data.size)


def test_real_pictures_are_known_in_every_disguise_and_told_apart(shipped: np.ndarray) -> None:
    for number, pixels in enumerate(shipped):
        picture = Image.fromarray(pixels)
        own, others = Known(shipped[number : number + 1]), Known(np.delete(shipped, number, axis=0))
        for disguised in (
            _again(picture, "JPEG", quality=50),
            _again(picture.resize((100, 100), Image.Resampling.NEAREST), "PNG"),
            _again(picture.resize((256, 256), Image.Resampling.LANCZOS), "WEBP", quality=80),
            _again(picture.convert("L"), "PNG"),
            _again(ImageEnhance.Brightness(picture).enhance(0.8), "PNG"),
        ):
            assert own.has(disguised), number
            assert not others.has(disguised), number


def test_pictures_of_one_colour_are_known_by_their_pixels() -> None:
    grey, red = (np.full((1, 32, 32, 3), colour, dtype=np.uint8) for colour in (128, (200, 0, 0)))
    assert Known(grey).has(grey[0])
    assert not Known(grey).has(red[0])


def test_digits_are_told_apart_though_they_look_alike() -> None:
    images = _digits(1_000)
    known = Known(images[:700])
    assert all(known.has(image) for image in images[:50])
    assert sum(known.has(image) for image in images[700:]) <= 15, "at the threshold of photos it is a third"


def test_digits_do_not_look_alike_mirrored_and_photos_do() -> None:
    images, labels = _digits(300), load_digits().target[:300]
    assert not look_alike_mirrored(images, labels)
    symmetric = np.concatenate((images, images[:, :, ::-1]), axis=2).repeat(2, 1)
    assert look_alike_mirrored(symmetric, labels)
    photos = cifar10.read_examples(IMAGES)
    assert look_alike_mirrored(photos.decoded(), photos.labels)


def _digits(count: int) -> np.ndarray:
    """uint8 (count, 16, 16, 3)."""
    grey = np.rint(load_digits().images[:count] * 255 / 16).astype(np.uint8)
    return grey.repeat(2, 1).repeat(2, 2)[..., None].repeat(3, 3)
