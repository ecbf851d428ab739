"""Limits of pictures: what would take too long or too much memory is refused before it is decoded."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from models.pictures import decode as images
from models.pictures.decode import ImageError, ImageTooLarge, decode
from models.pictures.jpeg import scans
from settings import ROOT
from tests.helpers.samples import pictures


@pytest.mark.parametrize("side", [7_100, 20_000])
def test_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    with pytest.raises(ImageTooLarge, match="50 megapixels"):
        decode(pictures.bomb(side, side), 32)


def test_jpeg_of_too_many_scans_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg = pictures.encoded(pictures.photo(), "JPEG")
    segments = jpeg[:2] + b"\xff\xe5\0\2" * 10_000 + jpeg[2:]
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    for data in (pictures.scans(101), segments):
        with pytest.raises(ImageError, match=r"more than 100 scans or 10,000 segments .* save it again"):
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
    with pytest.raises(ImageError, match="more than 20,000 blocks; save it again"):
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
    with pytest.raises(ImageTooLarge, match="6001×4000 pixels; at most 24 megapixels are allowed for a WEBP"):
        decode(webp, 32)


def test_picture_of_absurd_length_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match="at most 65,535 per side"):
        decode(pictures.bomb(70_000, 2), 32)


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
    """Of one colour, so that the file is small; of the largest size allowed."""
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
