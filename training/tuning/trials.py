"""What one trial of a study does, in its own process: train with what was drawn, tell the figures.

``training.tuning`` starts it; it lives in a module of its own so that Ray ships its name, not its code.
A trial trains right here, without Ray Train: its workers would each take seconds to start, and on a
small machine trials that wait for workers wait for ever. A process takes one trial after the other.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from ray import tune

from training.runs.ray_session import give_way
from training.table import worker as table
from training.tuning.config import TuneBreastCancer, TuneCifar10, TuneJob

REPORT_EVERY_ROUNDS = 20
BOOSTER, NETWORK = "booster.ubj", "network.pt"


def breast_cancer(drawn: dict[str, Any], study: TuneBreastCancer, rows: dict[str, tuple[np.ndarray, Any]]) -> None:
    """Boost with the drawn values. ``rows``: for "train" and "validation" the scaled rows and their labels."""
    give_way()
    config = study.TUNABLE.training_config(study.base, drawn)
    train, validation = (xgb.DMatrix(*rows[split], nthread=1) for split in ("train", "validation"))
    reports = _Reports(study, config.num_boost_round)
    table.boost(table.booster_params(config, threads=1), config.num_boost_round, train, validation, [reports])


class _Reports(xgb.callback.TrainingCallback):
    """Tells Tune the figures of every so many rounds, and hands over the booster at the end.

    Each report waits for Tune's answer, go on or stop, which costs as much as several rounds.
    """

    def __init__(self, study: TuneJob, rounds: int) -> None:
        self._study, self._rounds = study, rounds

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: table.History) -> bool:
        done = epoch + 1
        if done % REPORT_EVERY_ROUNDS and done != self._rounds:
            return False
        table.refuse_nan(evals_log)
        figures = table.figures_of(evals_log, epoch)
        if done < self._rounds:
            _report(self._study, figures, done, self._rounds)
            return False
        with tempfile.TemporaryDirectory() as folder:
            model.save_model(str(Path(folder) / BOOSTER))
            _report(self._study, figures, done, self._rounds, folder)
        return False


def cifar10(drawn: dict[str, Any], study: TuneCifar10, setup: dict[str, Any]) -> None:
    """Train a network with the drawn values; ``setup`` is a Learner's, but for the job and its epochs."""
    import torch

    from training.image.worker import make_learner

    give_way()
    torch.set_num_threads(setup["threads"])
    config = study.TUNABLE.training_config(study.base, drawn)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    learner = make_learner({**setup, "job": config.model_dump(), "epochs": study.epochs}, device)
    for epoch in range(study.epochs):
        figures = learner.epoch(epoch) | learner.validate()
        if epoch + 1 < study.epochs:
            _report(study, figures, epoch + 1, study.epochs)
            continue
        with tempfile.TemporaryDirectory() as folder:
            torch.save(learner.network.state_dict(), Path(folder) / NETWORK)
            _report(study, figures, epoch + 1, study.epochs, folder)


def _report(study: TuneJob, figures: dict[str, float], step: int, steps: int, folder: str | None = None) -> None:
    """Tell Tune; the study's metric stands beside the figures, under the name that it has there."""
    metric = study.search.metric
    figures = {"step": step, **figures, metric: figures[metric.replace("-", "_")]}
    told = {metric: figures[metric], "step": step, "steps": steps, "figures": figures}
    tune.report(told, checkpoint=tune.Checkpoint.from_directory(folder) if folder else None)
