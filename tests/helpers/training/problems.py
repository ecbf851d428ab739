"""Small problems for the learners of the table family."""

from __future__ import annotations

import numpy as np

from models.specs import Question, TableData
from training.runs.config import TrainTable
from training.table.learners import Problem

LABELS = ["yes", "no", "perhaps"]


def data_of(kind: Question) -> TableData:
    """The part of a spec about rows of this question."""
    labels = {"regression": [], "binary": LABELS[:2], "multiclass": LABELS}[kind]
    positive = "yes" if kind == "binary" else None
    return TableData(file="a.csv", target="t", kind=kind, labels={one: one for one in labels}, positive=positive)


def rows_of(count: int, kind: Question, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two quantities and a category with gaps in both; the target follows from them."""
    random = np.random.default_rng(seed)
    encoded = np.column_stack(
        [random.normal(50, 9, count), random.normal(0, 2, count), random.integers(0, 4, count)]
    ).astype(np.float32)
    score = (encoded[:, 0] - 50) / 9 + encoded[:, 1] - (encoded[:, 2] == 3) + random.normal(0, 0.3, count)
    encoded[::11, 1] = np.nan
    encoded[::7, 2] = np.nan
    if kind == "regression":
        return encoded, 1000 + 40 * score
    return encoded, (score > 0).astype(np.float32) if kind == "binary" else np.digitize(score, [-1, 1]).astype(float)


def problem_of(kind: Question, learner: str, **options: object) -> Problem:
    """600 training and 200 validation rows for a learner."""
    rows = {"train": rows_of(600, kind), "validation": rows_of(200, kind, 1)}
    config = TrainTable.model_validate({"learner": learner, **options})
    return Problem(config, data_of(kind), ["q", "q", "c"], 1, rows)
