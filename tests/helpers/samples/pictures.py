"""Generated pictures of every ordinary and every hostile kind."""

from __future__ import annotations

import base64
import io
import random
import struct
import zipfile
import zlib
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageCms

from tests.helpers.models import IMAGES
from training.datasets.pictures import Pictures


def photo(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """An RGB picture with some structure."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """File bytes of ``image``."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bmp_with_alpha(rgba: Image.Image) -> bytes:
    """A BMP with 32 bits per pixel whose header declares an alpha channel."""
    width, height = rgba.size
    rows = np.asarray(rgba)[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII4I", 108, width, height, 1, 32, 3, len(rows), 0, 0, 0, 0, *masks).ljust(
        108, b"\0"
    )
    return b"BM" + struct.pack("<IHHI", 122 + len(rows), 0, 0, 122) + header + rows


def linear_profile() -> bytes:
    """A colour profile with sRGB's primaries and light in proportion to the numbers."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tags = [struct.unpack_from(">4sII", srgb, 132 + 12 * i) for i in range(*struct.unpack_from(">I", srgb, 128))]
    line = b"curv" + bytes(8)
    values = {name: line if name.endswith(b"TRC") else srgb[at : at + size] for name, at, size in tags}
    table, body, begin = b"", b"", 132 + 12 * len(values)
    for name, value in values.items():
        table += struct.pack(">4sII", name, begin + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    content = srgb[4:84] + bytes(16) + srgb[100:128] + struct.pack(">I", len(values)) + table + body
    return struct.pack(">I", 4 + len(content)) + content


def rotated_by_exif() -> bytes:
    """A JPEG whose left half is red and right half blue once it is turned upright by its tag."""
    upright = Image.new("RGB", (64, 64), "blue")
    upright.paste("red", (0, 0, 32, 64))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    return encoded(upright.rotate(90, expand=True), "JPEG", exif=exif, quality=95)


def bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    """A small PNG file that claims ``width`` × ``height`` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width * 3 + 1) * 20)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def scans(count: int, side: int = 2_000) -> bytes:
    """A progressive JPEG whose last scan, a few bytes, is repeated until there are ``count`` scans or a few more."""
    whole = encoded(Image.new("RGB", (side, side), "red"), "JPEG", progressive=True)
    last, end = whole.rindex(b"\xff\xda"), whole.rindex(b"\xff\xd9")
    return whole[:end] + whole[last:end] * (count - whole.count(b"\xff\xda")) + whole[end:]


@cache
def accepted() -> dict[str, bytes]:
    """Every kind of picture that a person may send, by name."""
    rgb = photo()
    sixteen = Image.fromarray((np.arange(64 * 48, dtype=np.uint32) * 21 % 65536).astype(np.uint16).reshape(48, 64))
    frames = [photo(seed=i) for i in range(3)]
    transparent = rgb.convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize(rgb.size))
    return {
        "jpeg": encoded(rgb, "JPEG"),
        "png": encoded(rgb, "PNG"),
        "png palette": encoded(rgb.convert("P"), "PNG"),
        "png palette transparent": encoded(rgb.convert("P"), "PNG", transparency=3),
        "png transparent": encoded(transparent, "PNG"),
        "png grey": encoded(rgb.convert("L"), "PNG"),
        "png grey alpha": encoded(rgb.convert("LA"), "PNG"),
        "png one bit": encoded(rgb.convert("1"), "PNG"),
        "png 16 bit": encoded(sixteen, "PNG"),
        "webp": encoded(rgb, "WEBP"),
        "webp transparent": encoded(transparent, "WEBP"),
        "gif": encoded(rgb.convert("P"), "GIF"),
        "gif animated": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "bmp": encoded(rgb, "BMP"),
        "tiff": encoded(rgb, "TIFF"),
        "tiff packed": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "tiff 16 bit": encoded(sixteen, "TIFF"),
        "avif": encoded(rgb, "AVIF"),
        "avif transparent": encoded(transparent, "AVIF"),
        "cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
        "exif": rotated_by_exif(),
        "progressive": encoded(rgb, "JPEG", progressive=True),
        "motion photo": encoded(photo(400, 300), "JPEG") + b"\xff\xda\0\2" * 200,
        "one pixel": encoded(photo(1, 1), "PNG"),
        "wide": encoded(photo(1000, 10), "PNG"),
        "tall": encoded(photo(7, 900), "JPEG"),
        "large": encoded(photo(4000, 3000), "JPEG"),
    }


def refused() -> dict[str, bytes]:
    """Bytes that are not a picture, by name."""
    whole = encoded(photo(200, 200), "PNG")
    jpeg = encoded(photo(200, 200), "JPEG")
    return {
        "text": b"This is a letter, not a picture.",
        "html": b"<html><body>hello</body></html>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "cut png": whole[: len(whole) // 2],
        "cut jpeg": jpeg[: len(jpeg) // 2],
        "only a header": whole[:16],
        "zeros": b"\0" * 5000,
        "zip": b"PK\x03\x04" + b"\0" * 200,
    }


def broken(seed: int) -> bytes:
    """A truncated picture, one with flipped bits, inserted bytes or mixed parts, or a bomb."""
    chance = random.Random(seed)
    whole = list(accepted().values())
    data = bytearray(chance.choice(whole))
    manner = seed % 6
    if manner == 0:
        return bytes(data[: chance.randrange(len(data))])
    if manner == 1:
        for _ in range(chance.randint(1, 40)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif manner == 2:
        at = chance.randrange(len(data))
        data[at:at] = chance.randbytes(chance.randint(1, 2_000))
    elif manner == 3:
        other = chance.choice(whole)
        data = data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]
    elif manner == 4:
        # The first bytes of every format contain its size.
        for _ in range(8):
            data[chance.randrange(min(64, len(data)))] = chance.randrange(256)
    else:
        return bomb(chance.randint(1, 60_000), chance.randint(1, 60_000))
    return bytes(data)


def striped(seed: int = 0) -> bytes:
    """A picture unlike any class of the small data set: broad stripes."""
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[:, :: 2 + seed % 3] = (250, 250, 30)
    return encoded(Image.fromarray(pixels), "PNG")


def coloured(count: int, distinct: int = 500) -> Pictures:
    """Stored pictures of one colour and noise each, of which ``distinct`` are different; label i has colour 25 i."""
    chance = np.random.default_rng(0)
    stored, labels = [], np.arange(distinct) % 10
    for label in labels:
        pixels = np.clip(25 * label + chance.normal(0, 9, (32, 32, 3)), 0, 255).astype(np.uint8)
        stored.append(encoded(Image.fromarray(pixels), "JPEG"))
    index = np.arange(count) % distinct
    return Pictures(
        pa.array(stored, type=pa.binary()).take(pa.array(index)), labels[index], raw=False, size=IMAGES.data.size
    )


def archive_of(examples: list[dict[str, Any]]) -> bytes:
    """A ZIP of the API's example pictures, named by their labels, with a letter among them."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for example in examples:
            made.writestr(f"{example['label']}/{example['id']}.png", base64.b64decode(example["image"]))
        made.writestr("letter.png", b"hello")
    return data.getvalue()
