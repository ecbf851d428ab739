"""Uploaded pictures for a batch prediction: files or a ZIP archive, checked one by one, saved as Parquet.

The Parquet file has ``name``, ``bytes`` (unchanged) and ``error`` (null, or a sentence for a file that
is not a picture; then ``bytes`` is null). Nothing is ever unpacked to disk under its own name, and an
archive that could do harm is refused as a whole.
"""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from models.pictures.decode import READ, ImageError, open_header
from settings import MAX_BODY_BYTES
from training.batch_predict.checking import Check, Problem
from training.datasets import archives
from training.runs.errors import DataError

MAX_PICTURES = 200_000
# Archives of macOS have an extra entry for each file.
MAX_ENTRIES = 2 * MAX_PICTURES
MAX_DIRECTORY_BYTES = 64 * 1024**2
MAX_UNPACKED_BYTES = 2 * 1024**3
MAX_RATIO = 200
GROUP_BYTES = 8 * 1024**2
SCHEMA = pa.schema([("name", pa.string()), ("bytes", pa.large_binary()), ("error", pa.string())])

DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
)

OFFICE = b"\xd0\xcf\x11\xe0"

# A picture's name, and a function that reads its bytes.
Named = tuple[str, Callable[[], bytes]]


class ArchiveTooLarge(DataError):
    """The archive has more content than is allowed."""


def check_pictures(pictures: Iterable[Named], destination: Path) -> Check:
    """Write pictures as Parquet; returns the check of all. Raises DataError when there is not a single picture."""
    check, group, size = Check(), [], 0
    with pq.ParquetWriter(destination, SCHEMA, compression="none") as writer:
        for name, read in pictures:
            data, error = _checked(read)
            check.count([Problem(where=name, problem=error)] if error else [])
            group.append({"name": name, "bytes": data, "error": error})
            size += len(data or b"")
            if size > GROUP_BYTES:
                writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))
                group, size = [], 0
        writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))
    if not check.good:
        first = f" {check.problems[0].where}: {check.problems[0].problem}" if check.problems else ""
        raise DataError(f"It contains no picture; supported are {READ} files.{first}")
    return check


def _checked(read: Callable[[], bytes]) -> tuple[bytes | None, str | None]:
    """The bytes of a picture, or its problem."""
    try:
        data = read()
        open_header(data)
    except (ImageError, DataError) as error:
        return None, str(error)
    return data, None


def pictures_of_files(files: Iterable[tuple[str, Path]]) -> Iterator[Named]:
    """Pictures that were uploaded one by one, under their own names."""
    for name, path in files:
        if not archives.is_debris(name):
            yield archives.shortened(name), lambda path=path: _picture_of(path.open("rb"))


def pictures_of_zip(path: Path) -> Iterator[Named]:
    """The pictures of a ZIP archive. Raises DataError when it is not an archive, or is refused."""
    with _CountedFile(path) as file, _opened(file) as archive:
        entries = [(archives.name_of(entry), entry) for entry in archive.infolist()]
        entries = [
            (name, entry) for name, entry in entries if not _is_folder(name, entry) and not archives.is_debris(name)
        ]
        _refuse_tricks(entries)
        for number, (name, entry) in enumerate(entries, 1):
            shown = archives.shortened(name) if name.strip("./ ") else f"entry {number}, which has no name"
            yield shown, lambda entry=entry: _read_entry(archive, entry)


def _is_folder(name: str, entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a folder by its name; an entry without a name is the archive's own folder."""
    return name.endswith("/") or (not name.strip("./ ") and entry.file_size == 0)


def _opened(file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, struct.error) as error:
        raise DataError("The ZIP archive is damaged or cut off; make it again.") from error


class _CountedFile(io.FileIO):
    """An archive whose entries are counted before ``zipfile``, which reads all of them at once, parses them."""

    def read(self, size: int | None = -1) -> bytes:
        """Read like any file. Raises ArchiveTooLarge for a table of contents that is too long."""
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise ArchiveTooLarge(
                f"The archive has too long a table of contents; at most {MAX_PICTURES:,} pictures are allowed."
            )
        data = super().read(size)
        if _has_too_many_entries(data):
            raise ArchiveTooLarge(
                f"The archive has more than {MAX_ENTRIES:,} entries; at most {MAX_PICTURES:,} pictures are allowed."
            )
        return data


def _has_too_many_entries(directory: bytes) -> bool:
    """Whether these bytes contain more entries of a table of contents than an archive may have."""
    count = at = 0
    while count <= MAX_ENTRIES and directory.startswith(b"PK\x01\x02", at) and at + 46 <= len(directory):
        at += 46 + sum(struct.unpack_from("<3H", directory, at + 28))
        count += 1
    return count > MAX_ENTRIES


def is_zip(path: Path) -> bool:
    """Whether a file is a ZIP archive."""
    return zipfile.is_zipfile(path)


def refuse_other_archives(path: Path) -> None:
    """Raise DataError, which names the kind, for an archive that is not a complete ZIP."""
    with path.open("rb") as file:
        start = file.read(512)
    kind = archives.kind_of(start)
    if start.startswith(OFFICE):
        raise DataError("It is an old document of Microsoft Office (.xls, .doc); save a table as CSV.")
    if kind == "ZIP":
        raise DataError("The ZIP archive is cut off: its table of contents, at the end, is missing. Send it again.")
    if kind:
        raise DataError(f"It is a {kind} archive, but only ZIP archives are supported; make a ZIP of the files.")


def _refuse_tricks(entries: list[tuple[str, zipfile.ZipInfo]]) -> None:
    """Raise DataError for an archive that would be dangerous to unpack, according to its table of contents."""
    if len(entries) > MAX_PICTURES:
        raise ArchiveTooLarge(f"The archive has {len(entries):,} files; at most {MAX_PICTURES:,} are allowed.")
    unpacked = sum(entry.file_size for _, entry in entries)
    packed = sum(entry.compress_size for _, entry in entries)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(packed, 1024**2):
        raise ArchiveTooLarge(
            f"The archive would unpack to {unpacked / 1024**2:,.0f} MB; at most "
            f"{MAX_UNPACKED_BYTES // 1024**2:,} MB are allowed, and at most {MAX_RATIO} times its own size."
        )
    for given, entry in entries:
        name = repr(archives.shortened(given, 80))
        if archives.leads_outside(given):
            raise DataError(f"The archive names a file outside itself, {name}; make it again with plain names.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise DataError(f"The archive has a link, {name}; put the picture itself into it.")
        if PurePosixPath(given).suffix.lower() in archives.SUFFIXES:
            raise DataError(f"The archive holds another archive, {name}; put the pictures themselves into it.")


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    refusal = archives.why_not_read(entry)
    if refusal:
        raise DataError(refusal)
    try:
        return _picture_of(archive.open(entry))
    except DAMAGED as error:
        raise DataError("It is damaged in the archive.") from error


def _picture_of(file: IO[bytes]) -> bytes:
    data = _bounded(file)
    kind = archives.kind_of(data[:512])
    if kind:
        raise DataError(f"It is another archive ({kind}), and archives inside archives are not opened.")
    return data


def _bounded(file: IO[bytes]) -> bytes:
    with file:
        data = file.read(MAX_BODY_BYTES + 1)
    if len(data) > MAX_BODY_BYTES:
        raise DataError(f"It has more than {MAX_BODY_BYTES // 1024**2} MB.")
    return data
