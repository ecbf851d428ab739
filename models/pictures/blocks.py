"""Count the blocks of a PNG or GIF file before its pixels: Pillow's time grows with them, quadratically for some."""

from __future__ import annotations

MAX_BLOCKS = 20_000
PNG, GIF = b"\x89PNG\r\n\x1a\n", b"GIF8"
EXTENSION, FIRST_PICTURE = 0x21, 0x2C


def too_many_blocks(data: bytes) -> bool:
    """Whether a PNG has more chunks, or a GIF more blocks before its first picture, than MAX_BLOCKS."""
    if data.startswith(PNG):
        return _chunks(data) > MAX_BLOCKS
    return data.startswith(GIF) and _blocks(data) > MAX_BLOCKS


def _chunks(data: bytes) -> int:
    at, count = len(PNG), 0
    while at + 12 <= len(data) and count <= MAX_BLOCKS:
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        count += 1
    return count


def _blocks(data: bytes) -> int:
    """The number of extensions, their parts, and stray bytes."""
    flags = data[10] if len(data) > 10 else 0
    palette = 3 << ((flags & 7) + 1) if flags & 0x80 else 0
    at, count = 13 + palette, 0
    while at < len(data) and data[at] != FIRST_PICTURE and count <= MAX_BLOCKS:
        is_extension = data[at] == EXTENSION
        at, count = at + (2 if is_extension else 1), count + 1
        while is_extension and at < len(data) and data[at] and count <= MAX_BLOCKS:
            at, count = at + 1 + data[at], count + 1
        at += is_extension
    return count
