"""Archives: their kind, the names of a ZIP archive's entries, and why an entry cannot be read."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import PurePosixPath

# The kind of an archive by its first bytes.
STARTS = {
    b"PK\x03\x04": "ZIP",
    b"PK\x05\x06": "ZIP",
    b"PK\x07\x08": "ZIP",
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
TAR_MARK = slice(257, 262)
SUFFIXES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst"}
METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    10: "PKWARE's own method",
    18: "IBM TERSE",
    19: "IBM LZ77",
    20: "Zstandard",
    93: "Zstandard",
    94: "MP3",
    95: "XZ",
    96: "JPEG variant",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}
READ_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
AES = 99
UTF8_FLAG = 0x800
# Files that operating systems add to archives and folders, in lower case.
DEBRIS = {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory", ".localized", "icon\r"}
DRIVE = re.compile(r"[A-Za-z]:")


def kind_of(start: bytes) -> str | None:
    """The kind of archive that begins with these bytes (262 or more), or None."""
    if start[TAR_MARK] == b"ustar":
        return "TAR"
    return next((kind for mark, kind in STARTS.items() if start.startswith(mark)), None)


def name_of(entry: zipfile.ZipInfo) -> str:
    """An entry's name, decoded: without the flag for UTF-8 it may still be UTF-8, or a code page.

    macOS writes UTF-8 without the flag; Windows writes the code page of its language; zipfile reads cp437.
    """
    if entry.flag_bits & UTF8_FLAG:
        return entry.filename
    unicode_name = _unicode_path(entry.extra)
    if unicode_name:
        return unicode_name
    try:
        raw = entry.filename.encode("cp437")
    except UnicodeEncodeError:
        return entry.filename
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    try:
        western = raw.decode("cp1252")
    except UnicodeDecodeError:
        return entry.filename
    # The letters of one code page are signs and box lines in the other.
    return western if _letters(western) > _letters(entry.filename) else entry.filename


def _unicode_path(extra: bytes) -> str | None:
    """The name in UTF-8 that some programs write in addition to the one in a code page (0x7075)."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<2H", extra)
        if kind == 0x7075 and 5 < size <= len(extra) - 4:
            return extra[9 : 4 + size].decode(errors="replace")
        extra = extra[4 + size :]
    return None


def _letters(name: str) -> int:
    """The number of western letters among a name's characters beyond ASCII."""
    return sum("À" <= character <= "ſ" and character not in "×÷" for character in name)


def is_debris(name: str) -> bool:
    """Whether a file of this name was added by an operating system, not by a person."""
    parts = [part.lower() for part in PurePosixPath(name.replace("\\", "/")).parts]
    return "__macosx" in parts or (bool(parts) and (parts[-1] in DEBRIS or parts[-1].startswith("._")))


def leads_outside(name: str) -> bool:
    """Whether a name leads to a place outside the archive, on any system."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or (DRIVE.match(name) is not None and name[2:3] in ("\\", "/"))


def why_not_read(entry: zipfile.ZipInfo) -> str | None:
    """A sentence for an entry that is encrypted or compressed in an unsupported way, else None."""
    if entry.compress_type == AES or entry.flag_bits & 1:
        how = "AES" if entry.compress_type == AES else "a password"
        return f"It is encrypted with {how}; make the archive without a password."
    if entry.compress_type not in READ_METHODS:
        method = METHODS.get(entry.compress_type, f"method {entry.compress_type}")
        return f"It is compressed with {method}, which is not supported; make the archive with Deflate."
    return None


def shortened(name: str, most: int = 200) -> str:
    """A name of at most ``most`` characters; a longer one is shortened with … and keeps its end."""
    return name if len(name) <= most else f"{name[: most - 41]}…{name[-40:]}"
