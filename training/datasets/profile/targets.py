"""The column that a model answers: which one is proposed, and what kind of question it asks."""

from __future__ import annotations

import re

import numpy as np

from models.specs import Question
from training.datasets.profile.columns import Looked
from training.datasets.profile.reports import Target
from training.runs.errors import DataError

MAX_CLASSES, ROWS_OF_A_CLASS, FEW_ROWS = 100, 5, 20
# Numbers with at most this many different values, all whole, may be classes.
NUMBERED_CLASSES = 10
EXPLICIT = re.compile(r"(?i)(.*[_ ])?(target|label|class|y|outcome|response|ziel|klasse)")
USUAL = re.compile(
    r"(?i)((is|has)_)?(diagnosis|survived|churn|churned|quality|price|species|default|fraud|approved|income|salary|"
    r"grade|result|charges|medv|sold|died|death|mpg|rating|score|status|category)"
)
POSITIVE = ("1", "yes", "true", "y", "t", "positive", "pos", "on", "ja", "wahr", "oui")


def propose(columns: list[Looked]) -> tuple[Target | None, list[str]]:
    """The most likely target, and why a column that is called so cannot be it."""
    problems = []
    for column, why in _candidates(columns):
        try:
            target = target_of(column)
        except DataError as error:
            if EXPLICIT.fullmatch(column.name):
                problems.append(str(error))
            continue
        return target.model_copy(update={"why": f"{why}, and {target.why}."}), problems
    return None, problems


def target_of(column: Looked, kind: Question | None = None, positive: str | None = None) -> Target:
    """The question that a column asks, ``kind`` where it is given. Raises DataError with one sentence.

    ``why`` is a clause: ``it has 3 classes``.
    """
    named = f"Column {column.name[:80]!r}"
    known = ~column.missing
    if not known.any():
        raise DataError(f"{named} has no value in any row; a target needs values.")
    if column.distinct == 1:
        raise DataError(f"{named} has one value, {column.shown(int(column.counted[0][0]))[:40]!r}, in all its rows; "
                        "a target needs two or more.")  # fmt: skip
    if column.kind == "identifier":
        raise DataError(f"{named} is an identifier ({column.why}); it cannot be the target.")
    if column.kind == "date":
        raise DataError(f"{named} holds dates; a target is a class or a number.")
    is_number = column.kind == "number"
    if kind == "regression" and not is_number:
        raise DataError(f"{named} does not hold numbers; choose a target of numbers, or a question about classes.")
    if kind == "regression" or (kind is None and is_number and not _are_classes(column)):
        return _regression(column, positive)
    return _classes(column, kind, positive)


def labels_of(column: Looked) -> np.ndarray:
    """object (n,): the label of each row as ``Target.labels`` has it, whatever the file writes (``1.0``), or None.

    Raises DataError for a column with more classes than a target may have.
    """
    _refuse_many(column)
    codes, _ = column.counted
    known = np.array([*(column.shown(int(code)) for code in codes), None], object)
    return known[np.where(column.missing, len(codes), np.searchsorted(codes, column.codes))]


def _refuse_many(column: Looked) -> None:
    if column.distinct > MAX_CLASSES:
        what = "different texts" if column.kind == "text" else "classes"
        raise DataError(
            f"Column {column.name[:80]!r} has {column.distinct:,} {what}; a target has at most {MAX_CLASSES} classes."
        )


def _regression(column: Looked, positive: str | None) -> Target:
    if positive is not None:
        raise DataError(f"positive: {column.name!r} is a number, which has no positive class.")
    why = f"it is a number with {column.distinct:,} different values"
    return Target(column=column.name, kind="regression", labels=[], positive=None, why=why)


def _classes(column: Looked, kind: Question | None, positive: str | None) -> Target:
    named = f"Column {column.name[:80]!r}"
    _refuse_many(column)
    codes, counts = column.counted
    labels = dict(zip([column.shown(int(code)) for code in codes], counts.tolist(), strict=True))
    rare = min(labels, key=lambda label: labels[label])
    if labels[rare] < ROWS_OF_A_CLASS:
        raise DataError(
            f"{named} has {labels[rare]} row{'s' if labels[rare] > 1 else ''} of {rare[:40]!r}; at least "
            f"{ROWS_OF_A_CLASS} rows of each class are needed to train and to test."
        )
    if kind == "binary" and len(labels) != 2:
        raise DataError(f"{named} has {len(labels)} classes; a question with two answers needs two.")
    if kind == "multiclass" and len(labels) < 3:
        raise DataError(f"{named} has two classes; ask a binary question.")
    ordered = sorted(labels, key=_in_order)
    if len(labels) > 2:
        if positive is not None:
            raise DataError(f"positive: {column.name!r} has {len(labels)} classes, and only two have a positive one.")
        return Target(
            column=column.name, kind="multiclass", labels=ordered, positive=None, why=f"it has {len(labels)} classes"
        )
    if positive is not None and positive not in labels:
        raise DataError(
            f"positive: there is no {positive[:40]!r} in {column.name!r}; there are {' and '.join(ordered)}."
        )
    chosen = positive or next((label for label in ordered if label.lower() in POSITIVE), rare)
    return Target(
        column=column.name,
        kind="binary",
        labels=ordered,
        positive=chosen,
        why=f"it has two classes, {' and '.join(ordered)}",
    )


def _in_order(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return np.inf, label


def _are_classes(column: Looked) -> bool:
    """Whether a column of numbers has few, whole and frequent ones."""
    known = column.values[~column.missing]
    few = column.distinct == 2 or (column.distinct <= NUMBERED_CLASSES and bool((known == np.floor(known)).all()))
    return few and int(column.counted[1].min()) >= ROWS_OF_A_CLASS


def _candidates(columns: list[Looked]) -> list[tuple[Looked, str]]:
    """Columns that may be the target, the most likely first, each with why."""
    named = [(column, f"It is called {column.name!r}") for column in columns if EXPLICIT.fullmatch(column.name)]
    named += [(column, f"It is called {column.name!r}") for column in columns if USUAL.fullmatch(column.name)]
    kinds = ("category", "boolean", "number")
    last = [(column, "It is the last column") for column in columns[-1:] if column.kind in kinds]
    classes = [
        (column, "It is the last column with few values")
        for column in reversed(columns)
        if column.kind in ("category", "boolean") and 2 <= column.distinct <= MAX_CLASSES
    ]
    return named + last + classes


def problems_of(column: Looked, target: Target) -> list[str]:
    """What a person should know about the proposed target: empty cells, and few rows of a class."""
    problems = []
    empty = int(column.missing.sum())
    if empty:
        problems.append(f"{_rows(empty)} no value of {target.column!r} and cannot be used.")
    codes, counts = column.counted
    if target.kind != "regression":
        few = [column.shown(int(code)) for code, count in zip(codes, counts, strict=True) if count < FEW_ROWS]
        if few:
            problems.append(f"{target.column!r} has fewer than {FEW_ROWS} rows of {', '.join(few[:5])}"
                            f"{' and others' if len(few) > 5 else ''}: answers about them will be unsure.")  # fmt: skip
    return problems


def _rows(count: int) -> str:
    return f"{count:,} rows have" if count > 1 else "1 row has"
