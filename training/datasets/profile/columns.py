"""One column of a table: its kind, its values in short, and what a model should do with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.specs import ColumnKind
from models.table.steps import defaults
from training.datasets import frame as frames
from training.datasets.cells import dates, flags
from training.datasets.cells.texts import Texts, is_text
from training.datasets.csv.index_columns import is_identifier, why_no_feature, why_no_text_feature
from training.datasets.csv.numbers import COMMA, POINT, readings
from training.datasets.frame import Frame
from training.datasets.profile.reports import ColumnProfile, Count, Kind, Suggestion
from training.runs.errors import DataError

EXAMPLES, TOP, LOOKED = 5, 10, 1_000
# Texts are free text when they have this many words or characters and few of them repeat.
WORDS, CHARACTERS, DIFFERENT = 3.0, 40, 0.2
FEW_TEXTS, MANY_TEXTS = 20, 1_000
# More categories than this, with fewer rows for each of them, are more than a model learns from.
MANY_CATEGORIES, ROWS_A_CATEGORY = 50, 10
# The share of a column's texts that must look like numbers or dates for a warning about the others.
MOSTLY = 0.8
# Numbers that begin with a zero, and the share of them that makes a column one of codes.
LEADING_ZERO, CODES = "^[+-]?0[0-9]", 0.01
UNIT = r"^[€$£¥]? ?[+-]?[0-9][0-9.,]* ?(?:%|[€$£¥]|[a-zA-Zµ°²³/]{1,5})?$"


@dataclass
class Looked:
    """A column that was looked at: ``values`` float64 (n,) of numbers, dates and booleans, else ``texts``.

    ``codes`` int64 (n,) are equal for equal values; -1 is a missing one.
    """

    name: str
    kind: Kind
    codes: np.ndarray
    values: np.ndarray | None = None
    texts: Texts | None = None
    why: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def missing(self) -> np.ndarray:
        """bool (n,): rows without a value."""
        return self.codes == -1

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(self.counted[0])

    @property
    def counted(self) -> tuple[np.ndarray, np.ndarray]:
        """The different codes and the number of rows of each."""
        if self._counted is None:
            self._counted = np.unique(self.codes[~self.missing], return_counts=True)
        return self._counted

    _counted: tuple[np.ndarray, np.ndarray] | None = None

    def shown(self, code: int) -> str:
        """The value of a code, as text."""
        if self.texts is not None:
            return self.texts.distinct[code]
        value = float(self.values[np.argmax(self.codes == code)])
        return dates.written(value) if self.kind == "date" else f"{value:.15g}"


def look(frame: Frame, name: str) -> Looked:
    """Decide what a column is. Raises DataError for numbers that can be read in two ways."""
    column = frame.cells(name)
    if not is_text(column.type):
        return _named(frame, _stored(frame, name, column.type))
    quick = frames.plain_numbers(column) if frame.notation.decimals == POINT else None
    if quick is not None and not np.isnan(quick).all() and not _has_leading_zeros(column):
        return _named(frame, _of_numbers(name, "number", quick))
    texts = frame.texts(name)
    known = ~texts.missing
    distinct = texts.array.filter(pa.array(known))
    if not len(distinct):
        return Looked(name, "constant", _codes(texts, "category"), texts=texts, why="it has no value in any row")
    kind, warnings = _kind_of_texts(distinct, texts.counts[known])
    if kind in ("number", "boolean", "date"):
        return _named(frame, _read(frame, name, kind, texts, warnings))
    return _named(frame, Looked(name, kind, _codes(texts, kind), texts=texts, warnings=warnings))


def _read(frame: Frame, name: str, kind: ColumnKind, texts: Texts, warnings: list[str]) -> Looked:
    if kind == "date":
        found = dates.days(texts.array)
        if (found.open & ~texts.missing).any():
            row = texts.first_row(found.open & ~texts.missing)
            problem = f"{frame.where(row)}: {dates.both(texts.distinct[texts.codes[row]])}"
            return Looked(
                name, "date", _codes(texts, kind), texts=texts, why="its days are ambiguous", warnings=[problem]
            )
    looked = _of_numbers(name, kind, frames.values(frame, name, kind))
    if frame.is_parquet and kind in ("number", "date"):
        warnings = [f"It holds {kind}s that are stored as text."]
    looked.texts = texts if kind == "boolean" else None
    if kind == "boolean":
        looked.codes = _codes(texts, kind)
    looked.warnings = warnings
    return looked


def _codes(texts: Texts, kind: Kind) -> np.ndarray:
    none = texts.missing if kind != "text" else pc.equal(texts.array, "").to_numpy(zero_copy_only=False)
    return texts.spread(np.where(none, -1, np.arange(len(texts.array))), -1)


def _of_numbers(name: str, kind: Kind, values: np.ndarray) -> Looked:
    # The bits of -1 are those of no number.
    return Looked(name, kind, np.where(np.isnan(values), -1, (values + 0.0).view(np.int64)), values=values)


def _has_leading_zeros(column: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, LEADING_ZERO)).as_py())


def _stored(frame: Frame, name: str, stored: pa.DataType) -> Looked:
    """A Parquet column that has a type of its own."""
    if pa.types.is_null(stored):
        nothing = np.full(frame.rows, -1)
        return Looked(name, "constant", nothing, values=np.full(frame.rows, np.nan), why="it has no value in any row")
    if pa.types.is_date(stored) or pa.types.is_timestamp(stored):
        return _of_numbers(name, "date", frames.values(frame, name, "date"))
    if pa.types.is_boolean(stored):
        looked = _of_numbers(name, "boolean", frames.values(frame, name, "boolean"))
        looked.texts = frame.texts(name)
        looked.codes = _codes(looked.texts, "boolean")
        return looked
    try:
        return _of_numbers(name, "number", frames.values(frame, name, "number"))
    except DataError as error:
        if frames.is_number(stored):
            raise
        return Looked(name, "text", np.arange(frame.rows), why="a model cannot use it", warnings=[str(error)])


def _kind_of_texts(distinct: pa.Array, counts: np.ndarray) -> tuple[Kind, list[str]]:
    """The kind of the different texts of a column, none of them missing, and what is odd."""
    if len(distinct) == 2 and flags.is_pair(distinct.to_pylist()):
        return "boolean", []
    few = distinct.take(np.arange(0, len(distinct), len(distinct) // LOOKED + 1))
    share, odd = _share_of_numbers(few)
    if share >= MOSTLY:
        share, odd = _share_of_numbers(distinct)
        codes = _share_of(distinct, LEADING_ZERO) >= CODES
        if share == 1:
            return ("category", ["Its numbers begin with zeros, as codes do."]) if codes else ("number", [])
        if share >= MOSTLY and not codes:
            return _of_words(distinct, counts), [
                f"Its numbers are texts, because some cells are no numbers, such as {odd[:40]!r}; write numbers only, "
                "and leave a cell empty where there is none."
            ]
    found = dates.days(few)
    readable = (~np.isnan(found.values) | found.open).mean()
    if readable >= MOSTLY:
        found = dates.days(distinct)
        wrong = np.isnan(found.values) & ~found.open
        if not wrong.any():
            return "date", []
        odd = distinct[int(np.argmax(wrong))].as_py()
        return _of_words(distinct, counts), [f"Its dates are texts, because some are none, such as {odd[:40]!r}."]
    if _share_of(few, dates.OTHER_DATE) >= MOSTLY:
        return _of_words(distinct, counts), [
            f"It has dates as texts, such as {few[0].as_py()[:40]!r}; write them like 2024-03-31."
        ]
    if _share_of(few, UNIT) >= MOSTLY:
        return _of_words(distinct, counts), [
            f"It has numbers as texts, such as {few[0].as_py()[:40]!r}; write the number only."
        ]
    return _of_words(distinct, counts), []


def _share_of(texts: pa.Array, pattern: str) -> float:
    return pc.mean(pc.match_substring_regex(texts, pattern).cast(pa.int8())).as_py()


def _share_of_numbers(distinct: pa.Array) -> tuple[float, str]:
    """The share of texts that are numbers in some notation, and one that is none."""
    known = ~np.isnan(readings(distinct, POINT)) | ~np.isnan(readings(distinct, COMMA))
    return known.mean(), "" if known.all() else distinct[int(np.argmin(known))].as_py()


def _of_words(distinct: pa.Array, counts: np.ndarray) -> Kind:
    if len(distinct) <= FEW_TEXTS:
        return "category"
    few = distinct.take(np.arange(0, len(distinct), len(distinct) // LOOKED + 1)).to_pylist()
    if np.mean([len(text.split()) for text in few]) >= WORDS:
        return "text"
    repeated = len(distinct) <= min(DIFFERENT * int(counts.sum()), MANY_TEXTS)
    return "text" if not repeated and np.mean([len(text) for text in few]) >= CHARACTERS else "category"


def _named(frame: Frame, looked: Looked) -> Looked:
    """The same, as a constant or an identifier where it is one."""
    rows = frame.rows - int(looked.missing.sum())
    if looked.why:
        return looked
    if not rows:
        looked.kind, looked.why = "constant", "it has no value in any row"
        return looked
    if looked.distinct == 1:
        if rows == frame.rows:
            looked.kind, looked.why = "constant", "it has one value in every row"
        return looked
    repeats = looked.distinct <= rows / 2
    nameless = looked.name.startswith("column ") and looked.name[7:].isdecimal()
    name = "" if nameless else looked.name
    if looked.kind == "number" and not (repeats and is_identifier(name)):
        known = looked.values[~looked.missing]
        try:
            looked.why = why_no_feature(name, frame.names.index(looked.name), known) or ""
        except DataError:
            looked.warnings.append("It has no name in the file.")
    elif looked.kind in ("category", "text") and not repeats and not looked.warnings:
        differ = looked.distinct == frame.rows
        looked.why = why_no_text_feature(name, differ) or ""
        one_word = looked.kind == "category" and differ and not _has_spaces(looked.texts)
        looked.why = looked.why or ("it has another text in each row" if one_word else "")
    if looked.why:
        looked.kind = "identifier"
        looked.warnings.append(f"It looks like an index or an identifier: {looked.why}.")
    elif nameless and not looked.warnings:
        looked.warnings.append("It has no name in the file.")
    return looked


def _has_spaces(texts: Texts) -> bool:
    return bool(pc.any(pc.match_substring(texts.array, " ")).as_py())


def described(frame: Frame, looked: Looked) -> ColumnProfile:
    """The column as the API shows it."""
    low, high = _range(looked)
    column = ColumnProfile(
        name=looked.name,
        kind=looked.kind,
        missing=int(looked.missing.sum()),
        distinct=looked.distinct,
        examples=_examples(frame, looked),
        min=low,
        max=high,
        top=_top(looked),
        suggestion=_suggested(looked, frame.rows),
        warnings=looked.warnings,
    )
    if looked.missing.any() and looked.distinct == 1:
        column.warnings.append("It has one value and empty cells.")
    if column.missing > frame.rows / 2 and looked.kind != "constant":
        column.warnings.append(f"{column.missing / frame.rows:.0%} of its cells are empty.")
    return column


def _range(looked: Looked) -> tuple[Any, Any]:
    if looked.values is None or looked.kind == "boolean" or np.isnan(looked.values).all():
        return None, None
    low, high = float(np.nanmin(looked.values)), float(np.nanmax(looked.values))
    return (dates.written(low), dates.written(high)) if looked.kind == "date" else (low, high)


def _examples(frame: Frame, looked: Looked) -> list[str]:
    rows = np.flatnonzero(~looked.missing)[:LOOKED]
    firsts = rows[np.sort(np.unique(looked.codes[rows], return_index=True)[1])][:EXAMPLES]
    try:
        cells = frames.as_texts(looked.name, frame.cells(looked.name).take(pa.array(firsts)))
    except DataError:
        return []
    return [text[:200] for text in cells.to_pylist() if text is not None]


def _top(looked: Looked) -> list[Count]:
    """The most frequent values of a column that has few, or that consists of categories."""
    if looked.kind in ("text", "identifier") or (looked.kind in ("number", "date") and looked.distinct > FEW_TEXTS):
        return []
    codes, counts = looked.counted
    order = np.argsort(-counts, kind="stable")[:TOP]
    return [Count(value=looked.shown(int(codes[i]))[:200], count=int(counts[i])) for i in order]


def _suggested(looked: Looked, rows: int) -> Suggestion:
    if looked.kind in ("constant", "identifier") or looked.why:
        kind = None if looked.kind in ("constant", "identifier") else looked.kind
        return Suggestion(use=False, kind=kind, preprocess=[], why=f"It is left out: {looked.why}.")
    kind, distinct = looked.kind, looked.distinct
    steps, use = list(defaults(kind, distinct)), True
    if kind == "category":
        why = f"{steps[0]}: {distinct:,} categories"
        if distinct > MANY_CATEGORIES and distinct * ROWS_A_CATEGORY > rows:
            looked.warnings.append(f"It has {distinct:,} categories in {rows:,} rows: too few rows of most of them.")
            use = distinct <= rows / 2
            why = why if use else f"It is left out: {distinct:,} categories in {rows:,} rows are too many"
    elif kind == "text":
        why = f"{steps[0]}: {distinct:,} different texts"
    elif kind == "date":
        why = "a date: the day, its month and its weekday"
    else:
        why = "true or false" if kind == "boolean" else "a number, as it is"
    missing = int(looked.missing.sum())
    why += f"; {missing:,} missing" if missing and use else ""
    return Suggestion(use=use, kind=kind, preprocess=steps, why=f"{why}.")
