"""The trials of a study of the table family: boost with the drawn values."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from ray import tune

from models.table.model import scale
from settings import Settings
from training.datasets import tables
from training.runs.ray_session import give_way
from training.table import worker
from training.table.train import fit_preprocessor, scaled_columns
from training.tuning.config import Task
from training.tuning.reports import Prepared, report

REPORT_EVERY_ROUNDS = 20
MODEL_FILE = "booster.ubj"


def prepare(task: Task, settings: Settings) -> Prepared:  # noqa: ARG001 - the image family needs them
    """Read and scale the rows once, for all trials. Raises TrainingError."""
    table = tables.read_with_ray(task.spec, task.base.data)
    preprocessor = fit_preprocessor(table, scaled_columns(task.base, table.features))
    rows = {}
    for split in ("train", "validation"):
        matrix, positive = table.part(split)
        rows[split] = (scale(matrix, table.features, preprocessor), positive.astype(np.int8))
    rounds = task.search.space.get("num_boost_round")
    return Prepared(
        trainable=tune.with_parameters(trial, task=task, rows=rows),
        longest=max(value for _, value in rounds.ends()) if rounds else task.base.num_boost_round,
        about={"source": table.source, "fingerprint": table.fingerprint()},
    )


def trial(drawn: dict[str, Any], task: Task, rows: dict[str, tuple[np.ndarray, Any]]) -> None:
    """Boost with the drawn values. ``rows``: for "train" and "validation" the scaled rows and their labels."""
    give_way()
    config = task.config.TUNABLE.training_config(task.base, drawn)
    train, validation = (xgb.DMatrix(*rows[split], nthread=1) for split in ("train", "validation"))
    reports = _Reports(task, config.num_boost_round)
    worker.boost(worker.booster_params(config, threads=1), config.num_boost_round, train, validation, [reports])


class _Reports(xgb.callback.TrainingCallback):
    """Reports the figures every few rounds, and the booster at the end.

    Each report waits for Tune's decision to continue or stop, which takes as long as several rounds.
    """

    def __init__(self, task: Task, rounds: int) -> None:
        self._task, self._rounds = task, rounds

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: worker.History) -> bool:
        done = epoch + 1
        if done % REPORT_EVERY_ROUNDS and done != self._rounds:
            return False
        worker.refuse_nan(evals_log)
        figures = worker.figures_of(evals_log, epoch)
        if done < self._rounds:
            report(self._task, figures, done, self._rounds)
            return False
        with tempfile.TemporaryDirectory() as folder:
            model.save_model(str(Path(folder) / MODEL_FILE))
            report(self._task, figures, done, self._rounds, folder)
        return False
