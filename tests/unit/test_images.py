"""Decoding: what a person would expect of ordinary pictures, a sentence for everything else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from models.images import ImageError, ImageTooLarge, decode, encode_png
from tests.helpers import pictures


@pytest.mark.parametrize("kind", pictures.accepted())
def test_ordinary_picture_becomes_square_rgb(kind: str) -> None:
    pixels = decode(pictures.accepted()[kind], 32)
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("kind", pictures.refused())
def test_what_is_no_picture_is_refused_in_words(kind: str) -> None:
    with pytest.raises(ImageError, match=r"picture|image"):
        decode(pictures.refused()[kind], 32)


def test_picture_of_model_size_passes_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(decode(encode_png(pixels), 32), pixels)


def test_exif_turns_picture_upright() -> None:
    pixels = decode(pictures.rotated_by_exif(), 32).astype(int)
    assert pixels[:, :12, 0].min() > 200
    assert pixels[:, :12, 2].max() < 60
    assert pixels[:, 20:, 2].min() > 200
    assert pixels[:, 20:, 0].max() < 60


def test_transparency_lies_on_white() -> None:
    clear = pictures.encoded(Image.new("RGBA", (40, 40), (200, 0, 0, 0)), "PNG")
    assert (decode(clear, 32) == 255).all()


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    grey = Image.fromarray(np.full((40, 40), 128 * 257, dtype=np.uint16))
    assert (decode(pictures.encoded(grey, "PNG"), 32) == 128).all()


def test_animation_gives_first_frame() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    animated = pictures.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert tuple(decode(animated, 32)[16, 16]) == (255, 0, 0)


def test_cmyk_keeps_its_colour() -> None:
    red = Image.new("RGB", (40, 40), (250, 10, 10)).convert("CMYK")
    r, g, b = decode(pictures.encoded(red, "JPEG", quality=95), 32)[16, 16].astype(int)
    assert r > 200
    assert max(g, b) < 60


@pytest.mark.parametrize("side", [7_100, 20_000])
def test_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    with pytest.raises(ImageTooLarge, match="50 megapixels"):
        decode(pictures.bomb(side, side), 32)


def test_middle_of_wide_picture_is_seen() -> None:
    wide = Image.new("RGB", (300, 100), "black")
    wide.paste("white", (100, 0, 200, 100))
    assert (decode(pictures.encoded(wide, "PNG"), 32) == 255).all()


def test_encoded_pixels_are_a_png() -> None:
    assert Image.open(io.BytesIO(encode_png(np.zeros((4, 5, 3), dtype=np.uint8)))).size == (5, 4)
