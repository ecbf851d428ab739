"""Decoding: ordinary pictures as people expect them, a sentence for everything else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from models.pictures import shrinking
from models.pictures.decode import ImageError, decode, encode_png
from tests.helpers.samples import pictures


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


def test_sixteen_bit_grey_is_scaled_by_one_rule_whatever_its_brightest_pixel() -> None:
    dim = np.tile(np.arange(256, dtype=np.uint16), (256, 1))
    spot = dim.copy()
    spot[5, 255] = 256
    seen, with_spot = (decode(pictures.encoded(Image.fromarray(one), "PNG"), 256).astype(int) for one in (dim, spot))
    assert np.abs(seen - with_spot).max() == 0
    assert (seen[0, :, 0] == (np.arange(256) + 128) // 257).all(), "as 0 to 65,535, of which this is the darkest part"


def test_bmp_whose_alpha_is_zero_throughout_is_opaque() -> None:
    rgba = pictures.photo().convert("RGBA")
    rgba.putalpha(0)
    seen = decode(pictures.bmp_with_alpha(rgba), 32)
    assert np.array_equal(seen, decode(pictures.encoded(pictures.photo(), "PNG"), 32))
    rgba.putpixel((0, 0), (0, 0, 0, 255))
    assert decode(pictures.bmp_with_alpha(rgba), 32)[16, 16].tolist() == [255] * 3


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x18ftypheic" + b"\0" * 20, "a HEIC picture"),
        (b"\0\0\0\x18ftypmif1" + b"\0" * 20, "a HEIC picture"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 20, "a video"),
        (b"%PDF-1.7 and so on", "a PDF document"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- made by hand -->\n<svg/>", "an SVG drawing"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\xff\x0a\0\0", "a JPEG XL picture"),
    ],
)
def test_what_is_not_read_is_called_by_its_name(data: bytes, name: str) -> None:
    with pytest.raises(ImageError, match=f"The data is {name}.*, not a picture of a supported kind"):
        decode(data, 32)


def test_tiff_of_32_bits_is_told_so() -> None:
    with pytest.raises(ImageError, match="32 bits per grey value; save it with 8 or 16"):
        decode(pictures.encoded(Image.new("F", (40, 40)), "TIFF"), 32)


def test_animation_gives_first_frame() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    animated = pictures.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert tuple(decode(animated, 32)[16, 16]) == (255, 0, 0)


def test_cmyk_keeps_its_colour() -> None:
    red = Image.new("RGB", (40, 40), (250, 10, 10)).convert("CMYK")
    r, g, b = decode(pictures.encoded(red, "JPEG", quality=95), 32)[16, 16].astype(int)
    assert r > 200
    assert max(g, b) < 60


def test_middle_of_wide_picture_is_seen() -> None:
    wide = Image.new("RGB", (300, 100), "black")
    wide.paste("white", (100, 0, 200, 100))
    assert (decode(pictures.encoded(wide, "PNG"), 32) == 255).all()


def test_encoded_pixels_are_a_png() -> None:
    assert Image.open(io.BytesIO(encode_png(np.zeros((4, 5, 3), dtype=np.uint8)))).size == (5, 4)


DEEP = (np.arange(60 * 50) * 21 % 65536).astype(np.uint16).reshape(50, 60)
RGBA = np.random.default_rng(0).integers(0, 256, (50, 60, 4), dtype=np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(RGBA),
        Image.fromarray(RGBA[..., :3]),
        Image.fromarray(RGBA).convert("LA"),
        Image.fromarray(RGBA[..., :3]).convert("P"),
        Image.fromarray(DEEP),
        Image.fromarray(RGBA[..., 0]),
        Image.fromarray(RGBA[..., 0]).convert("1"),
    ],
    ids=["RGBA", "RGB", "LA", "P", "I;16", "L", "1"],
)
def test_bands_give_the_pixels_of_the_whole(
    picture: Image.Image, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"transparency": 3} if picture.mode == "P" else {}
    data = pictures.encoded(picture, "PNG", exif=exif, **options)
    whole = _whole(data)
    for pixels in (1, 200, 10**6):
        monkeypatch.setattr(shrinking, "BAND_PIXELS", pixels)
        assert np.array_equal(decode(data, 32), whole)


def _whole(data: bytes) -> np.ndarray:
    """The same from the whole picture at once."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode == "I;16":
        image = Image.fromarray(np.rint(np.asarray(image, dtype=np.float32) / 257).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "P"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(ImageOps.fit(image.convert("RGB"), (32, 32), method=Image.Resampling.BOX))
