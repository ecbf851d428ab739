"""What is suspicious in a table: a header that is data, rows that repeat, a column that gives the answer away."""

from __future__ import annotations

import numpy as np

from training.datasets.cells.texts import is_text
from training.datasets.csv.numbers import COMMA, POINT, reading
from training.datasets.frame import Frame
from training.datasets.profile.columns import Looked
from training.datasets.profile.reports import Target
from training.runs.errors import DataError

SAMPLE, BINS, ROWS_A_BIN, FEWEST = 50_000, 64, 20, 40
# How much better than the most frequent class, or the mean, an answer from one column must be to be a leak.
LEAK = 0.975
AUC = 0.998
MIXER = np.uint64(0x9E3779B97F4A7C15)


def refuse_data_as_header(frame: Frame) -> None:
    """Raise DataError when the first line looks like a row: its names are numbers, or values of their columns."""
    if frame.is_parquet:
        return
    names = [name for name in frame.names if not name.startswith("column ")]
    numbers = [found for name in names if (found := reading(name, POINT)) is not None]
    counted = len(numbers) > 1 and all(b - a == 1 for a, b in zip(numbers, numbers[1:], strict=False))
    values = sum(_is_value(frame, name) for name in names)
    if 2 * (values + (0 if counted else len(numbers))) > len(names):
        raise DataError(
            f"The first line looks like a row, not like a header ({', '.join(names[:4])[:80]}); put a line with the "
            "names of the columns above it."
        )


def _is_value(frame: Frame, name: str) -> bool:
    """Whether a name is also a text in its column."""
    column = frame.cells(name)
    if not is_text(column.type) or any(reading(name, sign) is not None for sign in (POINT, COMMA)):
        return False
    return name in set(column.slice(0, 1_000).to_pylist())


def repeated_rows(columns: list[Looked]) -> tuple[int, int] | None:
    """How many rows are equal to an earlier one in all columns but identifiers, and the first of them; or None."""
    compared = [column for column in columns if column.kind not in ("identifier", "constant")]
    if not compared:
        return None
    digest = np.zeros(len(compared[0].codes), np.uint64)
    for column in compared:
        mixed = column.codes.view(np.uint64) * MIXER
        digest = (digest ^ mixed ^ (mixed >> np.uint64(29))) * MIXER
        digest ^= digest >> np.uint64(32)
    firsts = np.unique(digest, return_index=True)[1]
    if len(firsts) == len(digest):
        return None
    repeats = np.ones(len(digest), bool)
    repeats[firsts] = False
    return int(repeats.sum()), int(np.argmax(repeats))


def leak(column: Looked, target: Looked, wanted: Target) -> str | None:
    """Why a column alone gives the target away, in a sentence, or None."""
    if column.name == target.name or column.kind in ("identifier", "constant", "text") or column.why:
        return None
    rows = np.flatnonzero(~target.missing & ~column.missing)
    if len(rows) < FEWEST:
        return None
    rows = np.random.default_rng(0).permutation(rows)[:SAMPLE]
    if wanted.kind == "regression":
        return _leak_of_number(column, target, rows)
    classes = np.unique(target.codes[rows], return_inverse=True)[1]
    if len(np.unique(classes)) < 2:
        return None
    if wanted.kind == "binary" and column.values is not None and column.distinct > 2:
        auc = _auc(column.values[rows], classes == 1)
        if max(auc, 1 - auc) < AUC:
            return None
        how = f"with an AUC of {max(auc, 1 - auc):.3f}"
    else:
        right, skill = _accuracy(column, rows, classes)
        if skill < LEAK:
            return None
        how = f"in {right:.1%} of the rows"
    return _said(wanted.column, how)


def _leak_of_number(column: Looked, target: Looked, rows: np.ndarray) -> str | None:
    wanted = target.values[rows]
    spread = wanted.var()
    if not spread:
        return None
    r2 = 0.0
    if column.values is not None and np.ptp(column.values[rows]) > 0:
        r2 = np.corrcoef(column.values[rows], wanted)[0, 1] ** 2
    fit, test = rows[::2], rows[1::2]
    groups = _groups(column, fit, test)
    if groups is not None:
        count = max(groups[0].max(), groups[1].max()) + 1
        sizes = np.bincount(groups[0], minlength=count)
        means = np.bincount(groups[0], target.values[fit], minlength=count) / np.maximum(sizes, 1)
        means[sizes == 0] = target.values[fit].mean()
        errors = target.values[test] - means[groups[1]]
        r2 = max(r2, 1 - float((errors**2).mean()) / float(target.values[test].var() or 1))
    if r2 < LEAK:
        return None
    return _said(target.name, f"with an R² of {r2:.3f}")


def _said(target: str, how: str) -> str:
    return f"It alone predicts {target!r} {how}: leave it out if it is known only with the answer (a leak)."


def _accuracy(column: Looked, rows: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """Share of right answers on one half of the rows by the most frequent class of each group of the other half;
    and that in relation to always answering the most frequent class."""
    groups = _groups(column, rows[::2], rows[1::2])
    if groups is None:
        return 0.0, 0.0
    fit, test = classes[::2], classes[1::2]
    often = np.bincount(fit, minlength=classes.max() + 1).argmax()
    table = np.zeros((max(groups[0].max(), groups[1].max()) + 1, classes.max() + 1), np.int64)
    np.add.at(table, (groups[0], fit), 1)
    answers = np.where(table.any(axis=1), table.argmax(axis=1), often)[groups[1]]
    right, base = float((answers == test).mean()), float((test == often).mean())
    return right, (right - base) / (1 - base) if base < 1 else 0.0


def _groups(column: Looked, fit: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Groups of equal or near values of both halves; None where the groups would have too few rows."""
    if column.distinct * ROWS_A_BIN <= len(fit) * 2:
        known = np.unique(column.codes[np.concatenate([fit, test])])
        return np.searchsorted(known, column.codes[fit]), np.searchsorted(known, column.codes[test])
    bins = min(BINS, len(fit) // ROWS_A_BIN)
    if column.values is None or bins < 2:
        return None
    edges = np.unique(np.quantile(column.values[fit], np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, column.values[fit]), np.searchsorted(edges, column.values[test])


def _auc(values: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve of a number as a score."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    ones = int(positive.sum())
    return float((ranks[inverse][positive].sum() - ones * (ones + 1) / 2) / (ones * (len(values) - ones)))
