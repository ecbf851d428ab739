"""The numbers of a CSV file, a few thousand rows at a time; batch predictions and trainings share this code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from training.batch_predict.checking import Problem
from training.datasets.cells.texts import MISSING
from training.datasets.csv.numbers import Notation
from training.datasets.csv.sheet import MAX_ROW, Row, Sheet

CHUNK = 4_096


@dataclass(frozen=True)
class Part:
    """Some rows: their lines, their cells, float64 (n, columns) of their numbers, and their problems."""

    lines: list[int]
    cells: list[list[str]]
    matrix: np.ndarray
    problems: list[list[Problem]]


class NumberTable:
    """The columns ``at`` of a sheet as numbers; the whole sheet is inspected before the first number is read.

    ``gaps``: an empty cell is NaN, and no problem. ``filled`` are the places of unnamed columns that have text in a
    cell. Raises DataError like the sheet.
    """

    def __init__(self, sheet: Sheet, at: list[int], gaps: bool = False) -> None:
        self._sheet, self._at, self._gaps = sheet, at, gaps
        self._width = len(sheet.names)
        self._notation = Notation(sheet.delimiter)
        nameless = [i for i, name in enumerate(sheet.names) if not name]
        self.filled: set[int] = set()
        for rows in _in_parts(sheet.rows()):
            whole = [cells for _, cells in rows if len(cells) == self._width]
            self._notation.look([cells[i] for cells in whole for i in at])
            self.filled.update(i for i in nameless if any(cells[i].strip() for cells in whole))

    def parts(self) -> Iterator[Part]:
        """All rows in order. A row with a problem has NaN in every place."""
        for rows in _in_parts(self._sheet.rows()):
            lines, cells = [line for line, _ in rows], [cells for _, cells in rows]
            matrix = self._quickly(cells)
            if matrix is not None:
                yield Part(lines, cells, matrix, [[] for _ in rows])
                continue
            read = [self._row(line, fields) for line, fields in rows]
            matrix = np.array([values for values, _ in read], dtype=np.float64)
            yield Part(lines, cells, matrix, [problems for _, problems in read])

    def _quickly(self, cells: list[list[str]]) -> np.ndarray | None:
        if any(len(fields) != self._width for fields in cells):
            return None
        return self._notation.matrix([fields[i] for fields in cells for i in self._at], len(self._at))

    def _row(self, line: int, fields: list[str]) -> tuple[list[float], list[Problem]]:
        nothing, where = [np.nan] * len(self._at), f"line {line}"
        if len(fields) != self._width:
            problem = f"It has {len(fields)} values and the header has {self._width}."
            return nothing, [Problem(where=where, problem=problem)]
        read = [self._number(fields[i]) for i in self._at]
        problems = [
            Problem(where=where, column=self._sheet.names[i] or f"column {i + 1}", problem=problem)
            for i, (_, problem) in zip(self._at, read, strict=True)
            if problem
        ]
        return (nothing, problems) if problems else ([value for value, _ in read], [])

    def _number(self, cell: str) -> tuple[float, str]:
        return (np.nan, "") if self._gaps and cell.strip() in MISSING else self._notation.number(cell)


def _in_parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """CHUNK rows at a time, fewer when they are long, so that memory does not depend on the cells' length."""
    part: list[Row] = []
    size = 0
    for row in rows:
        part.append(row)
        size += sum(map(len, row[1]))
        if len(part) == CHUNK or size > MAX_ROW:
            yield part
            part, size = [], 0
    if part:
        yield part
