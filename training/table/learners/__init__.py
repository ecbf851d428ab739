"""The learners of the table family: each fits encoded rows, and gives weights that answer (``models/table/learners``).

    learner, history = fit(Problem(config, spec.data, types, threads, rows))

A learner is a module with ``fit``, ``about`` and, where several workers can share its work, ``TRAINER``. It is imported
when it is first needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from models.specs import Learner as Name
from models.specs import TableData
from models.table.learners import Learner
from models.table.learners.inputs import Inputs
from training.runs.config import TrainTable

# Rows (n, columns) and what is learned of each, by split.
Encoded = dict[str, tuple[np.ndarray, np.ndarray]]
# The figures of every round or epoch.
History = dict[int, dict[str, float]]
MODULES: dict[Name, str] = {"xgboost": "trees", "linear": "linear", "mlp": "mlp", "keras": "keras"}


@dataclass(frozen=True)
class Standard:
    """What standardises the inputs of a linear model or a network, and the target of a regression."""

    inputs: Inputs
    mean: float
    std: float

    @classmethod
    def of(cls, problem: Problem) -> Standard:
        """Fitted on the training rows."""
        encoded, target = problem.rows["train"]
        numbers = problem.data.kind == "regression"
        mean, std = (float(target.mean()), float(target.std()) or 1.0) if numbers else (0.0, 1.0)
        return cls(Inputs.fitted(encoded, problem.types), mean, std)


@dataclass(frozen=True)
class Problem:
    """What a learner fits: its options, the question, and encoded rows of "train" and "validation".

    ``types`` has whether a column is a quantity or a category; the target of two classes is 1 for the positive one.
    ``standard`` is set where ``rows`` are a part of all.
    """

    config: TrainTable
    data: TableData
    types: list[str]
    threads: int
    rows: Encoded = field(default_factory=dict)
    standard: Standard | None = None

    @property
    def outputs(self) -> int:
        """How many margins an answer has."""
        return len(self.data.classes) if self.data.kind == "multiclass" else 1


def fit(problem: Problem) -> tuple[Learner, History]:
    """The fitted learner, and its figures of every round or epoch. Raises ConfigError, DivergedError."""
    return module(problem.config.learner).fit(problem)


def about(problem: Problem, learner: Learner) -> dict[str, Any]:
    """How a learner came about, for the ``config`` of its version."""
    name = problem.config.learner
    return {"learner": name, **module(name).about(problem, learner)}


def module(name: Name) -> ModuleType:
    """The code of a learner."""
    return import_module(f"training.table.learners.{MODULES[name]}")
