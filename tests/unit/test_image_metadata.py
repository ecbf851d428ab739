"""Metadata of pictures: odd or broken it changes nothing, an orientation or a colour profile is applied."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from models.pictures.decode import decode
from tests.helpers.samples import pictures

PHOTO = pictures.photo(64, 48)
ODD_EXIF = Image.Exif()
ODD_EXIF[0x011A], ODD_EXIF[0x0112] = 0, 77


def _png_with(*chunks: tuple[bytes, bytes], crc: int = 0) -> bytes:
    parts = [
        len(data).to_bytes(4, "big") + kind + data + (zlib.crc32(kind + data) ^ crc).to_bytes(4, "big")
        for kind, data in chunks
    ]
    return PNG_PHOTO[:33] + b"".join(parts) + PNG_PHOTO[33:]


def _jpeg_with(marker: int, *contents: bytes) -> bytes:
    parts = [bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content for content in contents]
    return JPEG_PHOTO[:2] + b"".join(parts) + JPEG_PHOTO[2:]


PNG_PHOTO, JPEG_PHOTO = pictures.encoded(PHOTO, "PNG"), pictures.encoded(PHOTO, "JPEG", quality=95)
LONG = zlib.compress(b"a" * 70 * 1024**2)
AVIF_PHOTO = pictures.encoded(PHOTO, "AVIF", exif=ODD_EXIF, quality=100, subsampling="4:4:4")


@pytest.mark.parametrize(
    "data",
    [
        _png_with((b"zTXt", b"Comment\0\0" + LONG)),
        _png_with((b"iTXt", b"Comment\0\x01\0\0\0" + LONG)),
        _png_with((b"tEXt", b"Comment\0" + b"a" * 3 * 1024**2), (b"tEXt", b"no end")),
        _png_with((b"zTXt", b"Comment\0\x09rest")),
        _png_with((b"iCCP", b"name\0\x07rest")),
        _png_with((b"iCCP", b"name\0\0" + LONG)),
        _png_with((b"iCCP", b"name")),
        _png_with((b"pHYs", b"\0")),
        _png_with((b"sRGB", b"")),
        _png_with((b"cHRM", b"odd")),
        _png_with((b"gAMA", b"")),
        _png_with((b"acTL", b"")),
        _png_with((b"eXIf", b"no TIFF at all")),
        _png_with((b"eXIf", b"MM\0*\xff\xff\xff\xff")),
        _png_with((b"tEXt", b"a\0b"), (b"gAMA", b"\0\0\xb1\x8f"), crc=1),
        _png_with((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0tiff:Orientation=\"9\"")),
        _jpeg_with(0xE0, b"JFIF\0"),
        _jpeg_with(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\x03\x01\x1a\0\x05\0\0\0\x01\xff\xff\xff\xff"),
        _jpeg_with(0xE1, b"Exif\0\0" + b"\0" * 50),
        _jpeg_with(0xE1, ODD_EXIF.tobytes()),
        _jpeg_with(0xE2, b"ICC_PROFILE\0"),
        _jpeg_with(0xE2, b"ICC_PROFILE\0\x01\x01" + b"no profile" * 20),
        _jpeg_with(0xE2, b"MPF\0"),
        _jpeg_with(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff"),
        _jpeg_with(0xED, b"Photoshop 3.0\x008BIM\x03\xed"),
        _jpeg_with(0xEE, b"Adobe"),
        pictures.encoded(PHOTO, "WEBP", lossless=True, icc_profile=b"no profile", exif=b"Exif\0\0rubbish"),
        pictures.encoded(PHOTO, "TIFF", icc_profile=b"no profile"),
        pictures.encoded(PHOTO, "TIFF", exif=ODD_EXIF),
        AVIF_PHOTO,
        AVIF_PHOTO.replace(b"MM\0*", b"XX\0*"),
    ],
)  # fmt: skip
def test_metadata_neither_refuses_a_picture_nor_changes_it(data: bytes) -> None:
    assert ODD_EXIF.tobytes()
    twin = JPEG_PHOTO if data.startswith(b"\xff\xd8") else PNG_PHOTO
    off = np.abs(decode(data, 32).astype(int) - decode(twin, 32))
    assert off.max() <= (12 if b"ftypavif" in data else 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_kind_is_turned_upright_alike(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = pictures.encoded(ImageOps.exif_transpose(_with(PHOTO, orientation)), "PNG")
    seen = decode(pictures.encoded(PHOTO, kind, exif=exif, quality=95), 32).astype(int)
    assert np.abs(seen - decode(turned, 32)).mean() < 6


def _with(picture: Image.Image, orientation: int) -> Image.Image:
    picture = picture.copy()
    picture.getexif()[0x0112] = orientation
    return picture


LINEAR = pictures.linear_profile()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_colours_of_a_profile_become_those_of_srgb(kind: str, mode: str) -> None:
    light = Image.new("RGB", (64, 64), (55, 128, 100))
    light = light.quantize(2) if mode == "P" else light.convert(mode)
    if kind == "JPEG" or (mode == "P" and kind in ("WEBP", "AVIF")):
        light = light.convert("RGB")
    options = {"lossless": True} if kind == "WEBP" else {}
    seen = decode(pictures.encoded(light, kind, icc_profile=LINEAR, **options), 32)[16, 16].astype(int)
    linear = np.array([55, 128, 100]) / 255
    expected = (1.055 * linear ** (1 / 2.4) - 0.055) * 255
    assert np.abs(seen - expected).max() <= 6, (seen, expected)


def test_profile_of_srgb_itself_changes_no_pixel_and_one_of_other_channels_says_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = decode(PNG_PHOTO, 32)
    assert np.array_equal(decode(pictures.encoded(PHOTO, "PNG", icc_profile=srgb), 32), plain)
    grey, cmyk = PHOTO.convert("L"), PHOTO.convert("CMYK")
    for picture, kind in ((grey, "PNG"), (cmyk, "JPEG")):
        without = decode(pictures.encoded(picture, kind), 32)
        assert np.array_equal(decode(pictures.encoded(picture, kind, icc_profile=LINEAR), 32), without)
