"""Decoding: what a person would expect of ordinary pictures, a sentence for everything else."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from models import images, shrinking
from models.images import ImageError, ImageTooLarge, decode, encode_png
from models.jpeg import scans
from settings import ROOT
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
        image = Image.fromarray((np.asarray(image, dtype=np.float32) / 257).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "P"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(ImageOps.fit(image.convert("RGB"), (32, 32), method=Image.Resampling.BOX))


GROWTH = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from models.images import decode
from tests.helpers import pictures

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
