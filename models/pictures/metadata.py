"""Remove metadata from a file before Pillow reads it, so that broken metadata cannot make a picture unreadable.

Pillow parses metadata when it opens a file, and refuses the file where that fails. The metadata that changes how
the pixels look is returned separately: the EXIF block and XMP, which hold the orientation, and the colour profile.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from models.pictures import blocks, jpeg

MAX_PROFILE_BYTES = 4 * 1024**2
MAX_XMP_BYTES = 256 * 1024
XMP_KEYWORD = b"XML:com.adobe.xmp\0\0\0"
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
# Bytes of a tRNS chunk by the colour type of the picture.
TRANSPARENCY_BYTES = {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}
EXIF, XMP, PROFILE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"


@dataclass
class Aside:
    """Metadata that was removed from a file; None where there was none."""

    exif: bytes | None = None
    xmp: bytes | None = None
    icc_profile: bytes | None = None


def taken_out(data: bytes) -> tuple[bytes, Aside]:
    """A PNG or JPEG file reduced to what its pixels need, and its metadata; other files are returned unchanged."""
    if data.startswith(blocks.PNG):
        return _of_png(data)
    if data.startswith(jpeg.START):
        return _of_jpeg(data)
    return data, Aside()


def _of_png(data: bytes) -> tuple[bytes, Aside]:
    aside, kept, view = Aside(), [data[:8]], memoryview(data)
    at, colour_type = 8, data[25] if len(data) > 25 else 0
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind, content = data[at + 4 : at + 8], view[at + 8 : end - 4]
        if end > len(data) or not kind.isalpha():
            break
        is_sound = kind in CRITICAL or zlib.crc32(view[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")
        transparency = kind == b"tRNS" and len(content) in TRANSPARENCY_BYTES.get(colour_type, ())
        if is_sound and (kind in CRITICAL or transparency):
            kept.append(view[at:end])
        elif is_sound and kind == b"eXIf":
            aside.exif = aside.exif or EXIF + bytes(content)
        elif is_sound and kind == b"iTXt" and content[: len(XMP_KEYWORD)] == XMP_KEYWORD:
            aside.xmp = aside.xmp or bytes(content[:MAX_XMP_BYTES])
        elif is_sound and kind == b"iCCP":
            aside.icc_profile = aside.icc_profile or _unpacked(bytes(content[:MAX_PROFILE_BYTES]))
        at = end
        if kind == b"IEND":
            return b"".join(kept), aside
    return b"".join([*kept, view[at:]]), aside


def _unpacked(content: bytes) -> bytes | None:
    """The profile in an iCCP chunk: a name, a null, the method 0, and zlib."""
    try:
        return zlib.decompressobj().decompress(content[content.index(0) + 2 :], MAX_PROFILE_BYTES)
    except (ValueError, zlib.error):
        return None


def _of_jpeg(data: bytes) -> tuple[bytes, Aside]:
    aside, kept, view = Aside(), [data[:2]], memoryview(data)
    exif: list[bytes] = []
    profile: list[tuple[int, bytes]] = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != jpeg.START_OF_SCAN:
        kind, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == 0xFF:  # a fill byte
            at += 1
            continue
        end = at + 2 + size
        content = view[at + 4 : end]
        if kind in jpeg.BARE or size < 2 or end > len(data):
            break
        if kind == 0xE1 and content[:6] == EXIF:
            exif.append(bytes(content[6:] if exif else content))
        elif kind == 0xE1 and content[: len(XMP)] == XMP:
            aside.xmp = aside.xmp or bytes(content[len(XMP) :])
        elif kind == 0xE2 and content[: len(PROFILE)] == PROFILE and len(content) > 14:
            profile.append((content[12], bytes(content[14:])))
        elif not _is_aside(kind, content):
            kept.append(view[at:end])
        at = end
    aside.exif = b"".join(exif) or None
    aside.icc_profile = b"".join(part for _, part in sorted(profile))[:MAX_PROFILE_BYTES] or None
    return b"".join([*kept, view[at:]]), aside


def _is_aside(kind: int, content: memoryview) -> bool:
    """Whether a segment is a comment or an application's own, except those that define how to read the colours."""
    defines_colours = (kind == 0xE0 and content[:5] == b"JFIF\0" and len(content) >= 12) or (
        kind == 0xEE and content[:5] == b"Adobe" and len(content) >= 12
    )
    return (0xE0 <= kind <= 0xEF or kind == 0xFE) and not defines_colours
