"""Boosted trees, by XGBoost; several workers boost together with Ray Train's XGBoostTrainer.

The trials of a study and the benchmarks boost with the same ``boost`` and ``booster_params``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xgboost as xgb

from models.specs import TableData
from models.table.learners.trees import Trees, matrix_of
from training.runs.config import TrainTable
from training.runs.errors import ConfigError
from training.table.booster_params import problem_of
from training.table.learners import History, Problem
from training.table.learners.figures import refuse_nan

PACKAGES = ("xgboost",)
TRAINER = "ray.train.xgboost:XGBoostTrainer"
SEVERAL = {"mlogloss", "merror"}

# XGBoost's own: the figures of every round by part and name.
Evaluated = dict[str, dict[str, list[float]]]


def fit(problem: Problem) -> tuple[Trees, History]:
    """Boost ``num_boost_round`` trees, or fewer with ``early_stopping``. Raises DivergedError, ConfigError."""
    config = problem.config
    params = booster_params(config, problem.threads, problem.data)
    parts = [matrix_of(*problem.rows[split], problem.types) for split in ("train", "validation")]
    booster, evaluated = boost(params, config.num_boost_round, *parts, [], config.early_stopping)
    return Trees(booster, problem.threads), {step: figures_of(evaluated, step) for step in range(rounds_of(evaluated))}


def shared(problem: Problem) -> Problem:
    """The problem for several workers: trees take the rows as they are."""
    return problem


def about(problem: Problem, learner: Trees) -> dict[str, Any]:
    """The number of trees and XGBoost's parameters."""
    return {
        "num_boost_round": learner.booster.num_boosted_rounds(),
        "params": booster_params(problem.config, problem.threads, problem.data),
    }


def booster_params(config: TrainTable, threads: int, data: TableData) -> dict[str, Any]:
    """XGBoost's parameters of a training on the data of a spec."""
    return {**config.booster_params(data.kind, len(data.classes)), "nthread": threads}


def boost(
    params: dict[str, Any],
    rounds: int,
    train: xgb.DMatrix,
    validation: xgb.DMatrix,
    callbacks: Sequence[xgb.callback.TrainingCallback],
    patience: int = 0,
) -> tuple[xgb.Booster, Evaluated]:
    """Boost trees; returns them and the figures of every round.

    With ``patience``, ends after that many rounds without a better validation figure, and keeps the best trees.
    Raises DivergedError when the loss is NaN, ConfigError when XGBoost refuses a parameter.
    """
    evaluated: Evaluated = {}
    stopping = [_stopping(params, patience)] if patience else []
    try:
        booster = xgb.train(
            params,
            dtrain=train,
            num_boost_round=rounds,
            evals=[(train, "train"), (validation, "validation")],
            evals_result=evaluated,
            verbose_eval=False,
            callbacks=[*callbacks, *stopping],
        )
    except xgb.core.XGBoostError as error:
        raise ConfigError(f"XGBoost refuses the parameters: {problem_of(error)}.") from None
    refuse_nan_in(evaluated)
    return booster, evaluated


def _stopping(params: dict[str, Any], patience: int) -> xgb.callback.EarlyStopping:
    return xgb.callback.EarlyStopping(
        rounds=patience, metric_name=params["eval_metric"][0], data_name="validation", save_best=True
    )


def figures_of(evaluated: Evaluated, step: int) -> dict[str, float]:
    """The figures of one round; XGBoost's name for the log loss of several classes is that of two."""
    return {
        f"{part}_{name.removeprefix('m') if name in SEVERAL else name}": values[step]
        for part, by_name in evaluated.items()
        for name, values in by_name.items()
    }


def rounds_of(evaluated: Evaluated) -> int:
    """The number of rounds."""
    return len(next(iter(evaluated["train"].values())))


def refuse_nan_in(evaluated: Evaluated) -> None:
    """Raise DivergedError when a training loss is NaN."""
    for step, loss in enumerate(next(iter(evaluated["train"].values()))):
        refuse_nan(loss, step, "round")
