"""A linear model, by scikit-learn: logistic regression for classes, ridge regression for a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.table.learners.inputs import Inputs
from models.table.learners.layers import Layers
from training.table.learners import History, Problem, figures

PACKAGES = ("scikit-learn",)
MOST_ITERATIONS = 5_000
# The margin of a class that no training row has.
UNSEEN = -10.0


def fit(problem: Problem) -> tuple[Layers, History]:
    """Fit the coefficients; the history has one step."""
    encoded, target = problem.rows["train"]
    inputs = Inputs.fitted(encoded, problem.types)
    coefficients, bias = _coefficients(problem, inputs(encoded), target)
    learner = Layers(inputs, [(coefficients.T, bias)])
    found = {
        f"{split}_{name}": value
        for split, (rows, truth) in problem.rows.items()
        for name, value in figures.of_margins(problem.data.kind, learner.margins(rows), truth).items()
    }
    return learner, {0: found}


def about(problem: Problem, learner: Layers) -> dict[str, Any]:  # noqa: ARG001 - the interface of all learners
    """The penalty."""
    return {"l2": problem.config.l2}


def _coefficients(problem: Problem, rows: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(outputs, inputs) and (outputs,)."""
    from sklearn.linear_model import LogisticRegression, Ridge

    if problem.data.kind == "regression":
        ridge = Ridge(alpha=problem.config.l2).fit(rows, target)
        return ridge.coef_[None], np.array([ridge.intercept_])
    classes = max(2, problem.outputs)
    coefficients, bias = np.zeros((classes, rows.shape[1])), np.full(classes, UNSEEN)
    seen = np.unique(target.astype(np.int64))
    bias[seen] = 0
    if len(seen) > 1:
        fitted = LogisticRegression(C=1 / problem.config.l2, max_iter=MOST_ITERATIONS)
        fitted.fit(rows, target.astype(np.int64))
        # Of two classes scikit-learn has the second one alone: the difference between both.
        halves = np.array([[-0.5], [0.5]]) if len(seen) == 2 else np.eye(len(seen))
        coefficients[seen], bias[seen] = halves @ fitted.coef_, halves @ fitted.intercept_
    if problem.outputs > 1:
        return coefficients, bias
    return coefficients[1:] - coefficients[:1], bias[1:] - bias[:1]
