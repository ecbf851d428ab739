"""A CSV file as rows of text, each with its first line's number; a file is read completely or refused.

UTF-8, or UTF-16 as in Excel's "Unicode Text". The delimiter is a comma, a semicolon or a tab. Quotes are read
strictly: one that is never closed would swallow the rows after it.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import IO

from training.datasets.file_kinds import not_text
from training.runs.errors import DataError

DELIMITERS = ",;\t"
# The limit of a cell in Excel; and a row longer than that of any real table.
MAX_CELL, MAX_ROW = 32_767, 1_000_000
ENCODINGS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
WESTERN = "cp1252"
QUOTED = re.compile(r'"[^"]*"?')
DIRECTIVE = re.compile(r'"?sep=(.)"?\s*')
NEWLINE = re.compile(r"\r\n|\r|\n")

# The number of a row's first line, as an editor counts, and its cells.
Row = tuple[int, list[str]]


class Sheet:
    """A seekable CSV file: ``names`` of its header, stripped, and its rows, read from the file each time.

    Raises DataError with the kind of a file that is not text.
    """

    def __init__(self, source: IO[bytes]) -> None:
        if problem := not_text(source):
            raise DataError(problem)
        self._source = source
        self._encoding = _encoding(source.read(64))
        self.delimiter, self._directive = self._read_delimiter()
        self.names: list[str] = []
        self._header, names = next(self._all(), (0, []))
        self.names = [name.strip() for name in names]

    def rows(self) -> Iterator[Row]:
        """Every row after the header, except empty ones.

        Raises DataError with line and column of a cell that is too long or whose quote is never closed.
        """
        everything = self._all()
        next(everything, None)
        yield from everything

    @property
    def is_utf8(self) -> bool:
        """Whether the file is UTF-8, with or without its mark."""
        return self._encoding.startswith("utf-8")

    @property
    def header_line(self) -> int:
        """The number of the header's first line; 0 for a file without one."""
        return self._header

    def column(self, i: int) -> str:
        """A column's name for people: ``column 'mean radius'``, or ``column 3`` without a name."""
        name = self.names[i] if i < len(self.names) else ""
        return f"column {name[:80]!r}" if name else f"column {i + 1}"

    def refuse_twice(self) -> None:
        """Raise DataError when two columns have the same name."""
        twice = next((name for name, count in Counter(self.names).items() if name and count > 1), None)
        if twice:
            raise DataError(f"The header has {twice[:80]!r} more than once.")

    def _read_delimiter(self) -> tuple[str, bool]:
        """The delimiter, and whether Excel's ``sep=;`` is above the header."""
        with self._decoded() as text:
            line = text.readline(MAX_ROW)
        if directive := DIRECTIVE.fullmatch(line):
            return directive[1], True
        return max(DELIMITERS, key=QUOTED.sub("", line).count), False

    def _decoded(self) -> _Decoded:
        return _Decoded(self._source, self._encoding)

    def _all(self) -> Iterator[Row]:
        with self._decoded() as text:
            lines = _Lines(text)
            if self._directive:
                lines.skip()
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            while True:
                lines.begin()
                try:
                    cells = next(reader, None)
                except (csv.Error, _TooLongError):
                    raise DataError(self._fault(lines)) from None
                if cells is None:
                    return
                if lines.several or lines.size > MAX_CELL:
                    self._check(cells, lines)
                if any(cells):
                    yield lines.first, cells

    def _check(self, cells: list[str], lines: _Lines) -> None:
        line = lines.first
        for i, cell in enumerate(cells):
            if len(cell) > MAX_CELL:
                raise DataError(f"Line {line}, {self.column(i)}: {TOO_LONG}")
            if self.names and lines.several and self._swallows(i, cell, len(cells)):
                raise DataError(f"Line {line}, {self.column(i)}: {UNCLOSED}")
            line += len(NEWLINE.findall(cell)) if lines.several else 0

    def _swallows(self, i: int, cell: str, cells: int) -> bool:
        """Whether a quoted text of several lines contains whole rows, as after a forgotten closing quote."""
        counts = [part.count(self.delimiter) for part in NEWLINE.split(cell)]
        between = len(self.names) - 1
        if len(counts) == 1 or between < 2:
            return False
        whole = between in counts[1:-1] or (counts[0], counts[-1]) == (between - i, i)
        return whole or (cells != between + 1 and sum(counts) >= between / 2)

    def _fault(self, lines: _Lines) -> str:
        """The place and the reason at which a row cannot be parsed."""
        text, at, line = "".join(lines.taken), 0, lines.first
        delimiter = re.escape(self.delimiter)
        cell = re.compile(rf'"(?:[^"]++|"")*+(?P<closed>"?)|[^{delimiter}\r\n]*+')
        for i in range(text.count(self.delimiter) + 1):
            found = cell.match(text, at)
            assert found is not None
            follows = text[found.end() : found.end() + 1]
            quoted = text.startswith('"', at)
            if quoted and (not found["closed"] or follows not in ("", "\r", "\n", self.delimiter)):
                return f"Line {line}, {self.column(i)}: {UNCLOSED}"
            if len(found[0]) > MAX_CELL:
                return f"Line {line}, {self.column(i)}: {TOO_LONG}"
            if follows != self.delimiter:
                break
            at = found.end() + 1
            line += len(NEWLINE.findall(found[0])) if quoted else 0
        return f"Line {lines.first} has more than {MAX_ROW:,} characters; a row of a table is shorter."


TOO_LONG = f"the cell has more than {MAX_CELL:,} characters."
UNCLOSED = (
    "a quote opens here and is not closed at the end of the cell. Close it, or remove it; write a quote inside a "
    'text twice ("").'
)


class _TooLongError(Exception):
    """A row has more than MAX_ROW characters."""


class _Lines:
    """Lines for ``csv.reader``; remembers those of the current row."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._number = 0
        self.begin()

    def skip(self) -> None:
        """Skip a line."""
        next(self, None)

    def begin(self) -> None:
        """A row begins."""
        self.taken: list[str] = []
        self.first = self._number + 1
        self.size = 0

    @property
    def several(self) -> bool:
        """Whether the row takes more than one line."""
        return len(self.taken) > 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_ROW + 1 - self.size)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self.size += len(line)
        if self.size > MAX_ROW:
            raise _TooLongError
        self._number += 1
        return line


class _Decoded:
    """The text of a file from its beginning; an encoding error becomes a DataError."""

    def __init__(self, source: IO[bytes], encoding: str) -> None:
        self._source, self._encoding = source, encoding

    def __enter__(self) -> IO[str]:
        self._source.seek(0)
        self._text = io.TextIOWrapper(self._source, encoding=self._encoding, newline="")
        return self._text

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._text.detach()
        if isinstance(error, UnicodeError):
            raise DataError(self._why(error)) from error

    def _why(self, error: UnicodeError) -> str:
        if self._encoding.startswith("utf-16"):
            return "The file begins as UTF-16 but is not UTF-16 throughout; save it as CSV (UTF-8)."
        self._source.seek(0)
        for number, line in enumerate(self._source, 1):
            try:
                line.decode()
            except UnicodeDecodeError as found:
                byte = line[found.start]
                shown = bytes([byte]).decode(WESTERN, "replace")
                likely = f" ({shown!r} in Windows-1252)" if byte >= 0xA0 and b"\0" not in line else ""
                return f"Line {number} has the byte {byte:02X}{likely} and is not UTF-8 text; save it as CSV (UTF-8)."
        return f"The file is not UTF-8 text ({error}); save it as CSV (UTF-8)."


def _encoding(head: bytes) -> str:
    """The encoding by the byte order mark, or by where a text of Latin letters has its zero bytes."""
    marked = next((name for mark, name in ENCODINGS.items() if head.startswith(mark)), None)
    if marked or len(head) < 4:
        return marked or "utf-8"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    return "utf-16-le" if odd > len(head) / 4 > even else "utf-16-be" if even > len(head) / 4 > odd else "utf-8"
