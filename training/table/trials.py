"""The trials of a study of the table family: boost with the drawn values."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import xgboost as xgb
from ray import tune

from models.table.learners.trees import WEIGHTS, matrix_of
from models.table.preprocessing import Preprocessor
from settings import Settings
from training.datasets import tables
from training.runs.ray_session import give_way
from training.table import leaderboard
from training.table.learners import Encoded, trees
from training.table.train import encoded, fit_preprocessor, scaled_columns
from training.tuning.config import Task
from training.tuning.reports import Prepared, report

REPORT_EVERY_ROUNDS = 20


def prepare(task: Task, settings: Settings) -> Prepared:
    """Read and encode the rows once, for all trials. Raises TrainingError."""
    if task.search.learners:
        return leaderboard.prepare(task, settings)
    table = tables.read_with_ray(task.spec, task.base.data)
    fitted = fit_preprocessor(task.spec, table, scaled_columns(task.base, table.names))
    preprocessor = Preprocessor(table.features, fitted)
    rows = {split: encoded(table, preprocessor, split) for split in ("train", "validation")}
    rounds = task.search.space.get("num_boost_round")
    return Prepared(
        trainable=tune.with_parameters(trial, task=task, rows=rows, types=preprocessor.types),
        longest=max(value for _, value in rounds.ends()) if rounds else task.base.num_boost_round,
        about={"source": table.source, "fingerprint": table.fingerprint},
    )


def trial(drawn: dict[str, Any], task: Task, rows: Encoded, types: list[str]) -> None:
    """Boost with the drawn values. ``rows``: the encoded rows of "train" and "validation"."""
    give_way()
    config = task.training(drawn)
    params = trees.booster_params(config, threads=1, data=task.spec.data)
    train, validation = (matrix_of(*rows[split], types) for split in ("train", "validation"))
    reports = _Reports(task, config.num_boost_round)
    trees.boost(params, config.num_boost_round, train, validation, [reports])


class _Reports(xgb.callback.TrainingCallback):
    """Reports the figures every few rounds, and the booster at the end.

    Each report waits for Tune's decision to continue or stop, which takes as long as several rounds.
    """

    def __init__(self, task: Task, rounds: int) -> None:
        self._task, self._rounds = task, rounds

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: trees.Evaluated) -> bool:
        done = epoch + 1
        if done % REPORT_EVERY_ROUNDS and done != self._rounds:
            return False
        trees.refuse_nan_in(evals_log)
        figures = trees.figures_of(evals_log, epoch)
        if done < self._rounds:
            report(self._task, figures, done, self._rounds)
            return False
        with tempfile.TemporaryDirectory() as folder:
            model.save_model(str(Path(folder) / WEIGHTS))
            report(self._task, figures, done, self._rounds, folder)
        return False
