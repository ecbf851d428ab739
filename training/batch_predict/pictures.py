"""Pictures that people give for a batch prediction: files or a ZIP archive, checked one by one, as Parquet.

The Parquet file has ``name``, ``bytes`` (as they were given) and ``error`` (a sentence for what
is no picture, else null; then ``bytes`` is null). Nothing is ever unpacked to disk by its own
name, and an archive that tries tricks is refused as a whole.
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
# Archives of macOS have an entry of its own beside each file.
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

# A picture's name, and what reads its bytes.
Named = tuple[str, Callable[[], bytes]]


class ArchiveTooLarge(DataError):
    """The archive holds more than is unpacked here."""


def check_pictures(pictures: Iterable[Named], destination: Path) -> Check:
    """Write pictures as Parquet, and say which are none. Raises DataError when there are none at all."""
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
        raise DataError(f"There is no picture in it; {READ} files are read.{first}")
    return check


def _checked(read: Callable[[], bytes]) -> tuple[bytes | None, str | None]:
    """The bytes of a picture, or what is wrong with it."""
    try:
        data = read()
        open_header(data)
    except (ImageError, DataError) as error:
        return None, str(error)
    return data, None


def pictures_of_files(files: Iterable[tuple[str, Path]]) -> Iterator[Named]:
    """Pictures that were given one by one, under the names that they were given."""
    for name, path in files:
        if not archives.is_debris(name):
            yield archives.shortened(name), lambda path=path: _picture_of(path.open("rb"))


def pictures_of_zip(path: Path) -> Iterator[Named]:
    """The pictures of a ZIP archive. Raises DataError when it is none, or is refused."""
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
    """Whether an entry has no content by its name; one of no name at all stands for the archive's own folder."""
    return name.endswith("/") or (not name.strip("./ ") and entry.file_size == 0)


def _opened(file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, struct.error) as error:
        raise DataError("The ZIP archive is damaged or cut off; make it again.") from error


class _CountedFile(io.FileIO):
    """An archive whose table of contents is counted before ``zipfile``, which reads it at once, takes it apart."""

    def read(self, size: int | None = -1) -> bytes:
        """As of any file. Raises ArchiveTooLarge for a table of contents that is too long."""
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise ArchiveTooLarge(
                f"The archive has too long a table of contents; at most {MAX_PICTURES:,} pictures are read."
            )
        data = super().read(size)
        if _has_too_many_entries(data):
            raise ArchiveTooLarge(
                f"The archive has more than {MAX_ENTRIES:,} entries; at most {MAX_PICTURES:,} pictures are read."
            )
        return data


def _has_too_many_entries(directory: bytes) -> bool:
    """Whether there are more entries in a table of contents, or in what is none, than an archive may have."""
    count = at = 0
    while count <= MAX_ENTRIES and directory.startswith(b"PK\x01\x02", at) and at + 46 <= len(directory):
        at += 46 + sum(struct.unpack_from("<3H", directory, at + 28))
        count += 1
    return count > MAX_ENTRIES


def is_zip(path: Path) -> bool:
    """Whether a file is a ZIP archive."""
    return zipfile.is_zipfile(path)


def refuse_other_archives(path: Path) -> None:
    """Raise DataError for a file that is an archive, though no whole ZIP: it is named as what it is."""
    with path.open("rb") as file:
        start = file.read(512)
    kind = archives.kind_of(start)
    if start.startswith(OFFICE):
        raise DataError("It is an old document of Microsoft Office (.xls, .doc); save a table as CSV.")
    if kind == "ZIP":
        raise DataError("The ZIP archive is cut off: its table of contents, at the end, is not there. Send it again.")
    if kind:
        raise DataError(f"It is a {kind} archive, and only ZIP archives are read; make a ZIP of the files.")


def _refuse_tricks(entries: list[tuple[str, zipfile.ZipInfo]]) -> None:
    """Raise DataError for an archive that would be dangerous to unpack, by what its table of contents says."""
    if len(entries) > MAX_PICTURES:
        raise ArchiveTooLarge(f"The archive has {len(entries):,} files; at most {MAX_PICTURES:,} are read.")
    unpacked = sum(entry.file_size for _, entry in entries)
    packed = sum(entry.compress_size for _, entry in entries)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(packed, 1024**2):
        raise ArchiveTooLarge(
            f"The archive would unpack to {unpacked / 1024**2:,.0f} MB; at most "
            f"{MAX_UNPACKED_BYTES // 1024**2:,} MB are read, and no more than {MAX_RATIO} times its own size."
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
        raise DataError(f"It is another archive ({kind}), and those are not looked into.")
    return data


def _bounded(file: IO[bytes]) -> bytes:
    with file:
        data = file.read(MAX_BODY_BYTES + 1)
    if len(data) > MAX_BODY_BYTES:
        raise DataError(f"It has more than {MAX_BODY_BYTES // 1024**2} MB.")
    return data
