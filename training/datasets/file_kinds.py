"""Names for files that were uploaded instead of a CSV file, by their first bytes."""

from __future__ import annotations

import io
from typing import IO

from training.datasets import archives

HEAD, TAIL = 4_096, 65_536
SAVE_AS = "save the table as CSV (UTF-8) and use that file"
UNPACK = "unpack it and use the CSV file in it"
KINDS = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an Excel workbook (.xls) or another old Office file", SAVE_AS),
    b"PAR1": ("a Parquet file", SAVE_AS),
    b"ARROW1": ("an Arrow file", SAVE_AS),
    b"SQLite format 3\x00": ("an SQLite database", SAVE_AS),
    b"%PDF-": ("a PDF", SAVE_AS),
    b"\x89PNG": ("a picture (PNG)", "use a CSV file"),
    b"\xff\xd8\xff": ("a picture (JPEG)", "use a CSV file"),
    b"GIF8": ("a picture (GIF)", "use a CSV file"),
    b"{\\rtf": ("an RTF document", SAVE_AS),
}
# Names in the archive of each kind of spreadsheet.
SHEETS = {b"xl/": "an Excel workbook (.xlsx)", b"content.xml": "an OpenDocument spreadsheet (.ods)"}


def not_text(source: IO[bytes]) -> str | None:
    """``It is an Excel workbook (.xls); save …`` for a file that is not text, else None; rewinds it to its start."""
    source.seek(0)
    head = source.read(HEAD)
    source.seek(0)
    archive = archives.kind_of(head)
    if archive == "ZIP":
        what, do = _kind_of_zip(source)
    elif archive:
        what, do = f"{'an' if archive == 'xz' else 'a'} {archive} archive", UNPACK
    else:
        what, do = next((kind for magic, kind in KINDS.items() if head.startswith(magic)), (None, None))
    return what and f"It is {what}; {do}."


def _kind_of_zip(source: IO[bytes]) -> tuple[str, str]:
    """A spreadsheet is also a ZIP archive; it lists its files at its start and at its end."""
    names = source.read(HEAD)
    source.seek(max(0, source.seek(0, io.SEEK_END) - TAIL))
    names += source.read(TAIL)
    source.seek(0)
    return next(((what, SAVE_AS) for mark, what in SHEETS.items() if mark in names), ("a ZIP archive", UNPACK))
