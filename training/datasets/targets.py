"""The target of a table: the place of each row's class, or a number; NaN where a row has none."""

from __future__ import annotations

import numpy as np

from models.specs import TableData
from training.datasets import frame as frames
from training.datasets.frame import Frame
from training.datasets.profile.columns import look
from training.datasets.profile.targets import labels_of
from training.runs.errors import DataError

FEWEST_OF_A_CLASS = 5
FEWEST_ROWS = 20


def read(data: TableData, frame: Frame) -> np.ndarray:
    """float64 (n,): the place of each row's class in ``data.classes``, or the number. Raises DataError."""
    if data.target not in frame.names:
        raise DataError(f"it has no column {data.target!r} ({_listed(data) or 'the target'}).")
    if data.kind == "regression":
        return frames.values(frame, data.target, "number")
    places = {value: data.classes.index(label) for value, label in data.labels.items()}
    if all(_number(value) is not None for value in places):
        # 1, 1.0 and 1,0 are one class.
        read_, places = frames.values(frame, data.target, "number"), {_number(value): i for value, i in places.items()}
        missing = np.isnan(read_)
    else:
        read_ = labels_of(look(frame, data.target))
        missing = np.equal(read_, None)
    found = np.array([np.nan if gone else places.get(one, -1) for one, gone in zip(read_, missing, strict=True)])
    if data.kind != "binary" and (found == -1).any():
        raise _unknown(data, frame, read_, int(np.argmax(found == -1)))
    return found


def check(data: TableData, target: np.ndarray) -> None:
    """Raise DataError for a target with too few rows to split, or without one of the classes."""
    known = target[~np.isnan(target)]
    if data.kind == "regression":
        if len(known) < FEWEST_ROWS:
            raise DataError(f"it has {len(known)} rows with a {data.target!r}; at least {FEWEST_ROWS} are needed.")
        if known.min() == known.max():
            raise DataError(f"column {data.target!r} is {known[0]:g} in every row; there is nothing to learn.")
        return
    counts = [int((known == place).sum()) for place in range(len(data.classes))]
    if data.kind == "binary" and (0 in counts or sum(counts) < len(known)):
        raise DataError(f"column {data.target!r} must hold {_listed(data)}, both.")
    few = next((i for i, count in enumerate(counts) if count < FEWEST_OF_A_CLASS), None)
    if few is not None:
        raise DataError(
            f"it has fewer than {FEWEST_OF_A_CLASS} rows of a class ({data.classes[few]!r} has {counts[few]}); too few "
            "to split."
        )


def _unknown(data: TableData, frame: Frame, values: np.ndarray, row: int) -> DataError:
    shown = values[row] if isinstance(values[row], str) else f"{values[row]:g}"
    return frames.refuse(frame, data.target, row, f"{shown[:40]!r} is none of the classes {', '.join(data.labels)}.")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _listed(data: TableData) -> str:
    pairs = [value if value == label else f"{value} ({label})" for value, label in sorted(data.labels.items())]
    return " and ".join(pairs) if len(pairs) == 2 else ", ".join(pairs)
