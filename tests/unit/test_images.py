"""Decoding: what a person would expect of ordinary pictures, a sentence for everything else."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from models.pictures import decode as images
from models.pictures import shrinking
from models.pictures.decode import ImageError, ImageTooLarge, decode, encode_png
from models.pictures.jpeg import scans
from settings import ROOT
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
    with pytest.raises(ImageError, match=f"The data is {name}.*, not a picture of a kind that is read"):
        decode(data, 32)


def test_tiff_of_32_bits_is_told_so() -> None:
    with pytest.raises(ImageError, match="32 bits for a grey; save it with 8 or 16"):
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


def test_jpeg_of_too_many_scans_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg = pictures.encoded(pictures.photo(), "JPEG")
    segments = jpeg[:2] + b"\xff\xe5\0\2" * 10_000 + jpeg[2:]
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    for data in (pictures.scans(101), segments):
        with pytest.raises(ImageError, match=r"more than 100 scans or 10,000 segments .* save it anew"):
            decode(data, 32)


GIF = pictures.encoded(pictures.photo().convert("P"), "GIF")
AFTER_PALETTE = 13 + (3 << ((GIF[10] & 7) + 1))
PNG = pictures.encoded(pictures.photo(), "PNG")


@pytest.mark.parametrize(
    "block",
    [b"\x21\xfe\x01a\0", b"\x21\xf9\x04\0\0\0\0\0", b"\0", b"\0\0\0\0abCd" + zlib.crc32(b"abCd").to_bytes(4, "big")],
    ids=["comments", "control", "nothing", "chunks"],
)
def test_picture_of_too_many_blocks_is_refused_before_it_is_opened(
    block: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, at = (PNG, 33) if b"abCd" in block else (GIF, AFTER_PALETTE)
    assert decode(whole[:at] + block * 100 + whole[at:], 32).shape == (32, 32, 3)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(ImageError, match="more than 20,000 blocks; save it anew"):
        decode(whole[:at] + block * 20_001 + whole[at:], 32)


def test_long_comment_of_a_gif_counts_by_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(ImageError, match="more than 20,000 blocks"):
        decode(GIF[:AFTER_PALETTE] + b"\x21\xfe" + b"\x01a" * 20_001 + b"\0" + GIF[AFTER_PALETTE:], 32)


def test_jpeg_of_as_many_scans_as_are_read_is_read() -> None:
    most = pictures.scans(100, side=64)
    assert scans(most, 100) == 100
    assert tuple(decode(most, 32)[16, 16]) == tuple(decode(pictures.scans(10, side=64), 32)[16, 16])


def test_bytes_of_a_thumbnail_or_behind_the_picture_are_no_scans() -> None:
    jpeg = pictures.encoded(pictures.photo(), "JPEG")
    thumbnail = b"\xff\xe1" + (2 + len(jpeg)).to_bytes(2, "big") + jpeg
    assert scans(jpeg[:2] + thumbnail + jpeg[2:] + b"\xff\xda" * 500, 100) == 1


def test_kinds_that_take_more_memory_may_have_fewer_pixels() -> None:
    webp = pictures.encoded(Image.new("RGB", (6_001, 4_000)), "WEBP", method=0)
    with pytest.raises(ImageTooLarge, match="6001×4000 pixels; at most 24 megapixels are read of a WEBP of this kind"):
        decode(webp, 32)


def test_picture_of_absurd_length_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match="at most 65,535 a side"):
        decode(pictures.bomb(70_000, 2), 32)


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


GROWTH = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from models.pictures.decode import decode
from tests.helpers.samples import pictures

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

decode(pictures.encoded(pictures.photo(), "PNG"), 32)
data = sys.stdin.buffer.read()
before = peak()
with ThreadPoolExecutor(4) as threads:
    list(threads.map(lambda _: decode(data, 32), range(4)))
print(peak() - before)
"""


@pytest.mark.parametrize(
    ("mode", "size", "kind", "options"),
    [
        ("RGBA", (7_071, 7_071), "PNG", {"compress_level": 1}),
        ("I;16", (7_071, 7_071), "PNG", {"compress_level": 1}),
        ("RGB", (7_071, 7_071), "JPEG", {"progressive": True, "subsampling": 0}),
        ("RGB", (6_000, 4_000), "WEBP", {"method": 0}),
        ("RGBA", (6_000, 4_000), "TIFF", {"compression": "tiff_deflate"}),
        ("I;16", (6_000, 4_000), "TIFF", {"compression": "tiff_lzw"}),
        ("RGB", (6_000, 4_000), "AVIF", {"speed": 10, "subsampling": "4:4:4"}),
    ],
)
def test_four_large_pictures_at_once_take_less_than_400_mb(
    mode: str, size: tuple[int, int], kind: str, options: dict[str, int], tmp_path: Path
) -> None:
    """Of one colour, so that the file is small; as large as is read."""
    data = pictures.encoded(Image.new(mode, size), kind, **options)
    environment = {"PYTHONPATH": str(ROOT), "AIR_TMP": str(tmp_path / "tmp")}
    done = subprocess.run([sys.executable, "-c", GROWTH], input=data, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) < 400


def test_only_what_is_large_in_memory_waits_for_others() -> None:
    large = Image.new("RGB", (3_000, 2_000))
    kinds = {"PNG": {}, "JPEG": {}, "JPEG of many scans": {"progressive": True}}
    waits = {
        kind: images.is_large(images.open_header(pictures.encoded(large, kind.split()[0], **options)))
        for kind, options in kinds.items()
    }
    assert waits == {"PNG": True, "JPEG": False, "JPEG of many scans": True}
