"""Names for files that are not pictures of a supported kind, by their first bytes."""

from __future__ import annotations

# The brands of ISO media files that hold HEVC pictures, as phones make them.
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
STARTS = {
    b"%PDF": "a PDF document",
    b"8BPS": "a Photoshop file",
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"\0\0\x01\0": "an icon",
    b"PK\x03\x04": "a ZIP archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x8b": "a gzip file",
    b"{\\rtf": "a text document",
}


def name_of(data: bytes) -> str | None:
    """A name such as "an SVG drawing", or None for an unknown kind."""
    if data[4:8] == b"ftyp":
        return "a HEIC picture" if data[8:12] in HEIC_BRANDS else "a video or a picture of a newer kind"
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in head:
        return "an SVG drawing"
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return next((name for start, name in STARTS.items() if data.startswith(start)), None)
