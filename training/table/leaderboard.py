"""The leaderboard: a study over learners, each with its own small space, compared by cross-validation.

    python -m training.tuning breast-cancer --preset learners

Training and validation rows are cut into folds; a trial fits its learner on all but one, answers that one, and reports
the mean so far after every fold, so that ASHA ends what cannot win. Each learner first tries its preset. The rows are
cut several times, and every fold has a seed of its own: else the best of twenty trials is the one that was lucky.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from ray import tune
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, train_test_split

from models.specs import Question
from models.table.learners import Learner
from models.table.preprocessing import Preprocessor
from settings import Settings
from training.datasets import tables
from training.datasets.tables import Columns, Table
from training.runs.config import TrainTable
from training.runs.ray_session import give_way
from training.table import learner_options, learners, preprocessors
from training.table.learners import Problem, figures
from training.table.train import chains_of, scaled_columns
from training.tuning import space as spaces
from training.tuning.config import Task
from training.tuning.reports import Prepared, report

# Of a fold's rows, those that say when a learner stops; the rows of the fold itself must not.
STOPPING_SHARE = 0.15
# Rows that are answered one by one to time an answer.
ANSWERS = 200


@dataclass(frozen=True)
class Fold:
    """Encoded rows and targets: those to fit, and those that are answered."""

    types: list[str]
    fitted: tuple[np.ndarray, np.ndarray]
    answered: tuple[np.ndarray, np.ndarray]


def prepare(task: Task, settings: Settings) -> Prepared:  # noqa: ARG001 - the interface of all trials
    """Read and encode the rows of every fold once, for all trials. Raises TrainingError."""
    table = tables.read_with_ray(task.spec, task.base.data)
    folds = list(folds_of(task, table))
    return Prepared(
        trainable=tune.with_parameters(trial, task=task, folds=folds),
        longest=len(folds),
        about={"source": table.source, "fingerprint": table.fingerprint},
        candidates=candidates(task),
    )


def candidates(task: Task) -> list[dict[str, Any]]:
    """What is tried: each learner's preset, then draws from its space, in turn. Only learners that can learn here."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    drawn = [_drawn(task, name) for name in task.search.learners if not learner_options.missing(name)]
    return [next(drawn[i % len(drawn)]) for i in range(task.search.num_samples)]


def _drawn(task: Task, learner: str) -> Iterator[dict[str, Any]]:
    space = task.search.learners[learner]
    usual = TrainTable(learner=learner).completed(task.spec)
    yield {"learner": learner} | {name: getattr(usual, name) for name in space}
    sampler = optuna.samplers.RandomSampler(seed=task.config.seed)
    study, possible = optuna.create_study(sampler=sampler), spaces.distributions(space)
    while True:
        yield {"learner": learner, **study.ask(possible).params}


def folds_of(task: Task, table: Table) -> Iterator[Fold]:
    """The folds of training and validation rows, by class, cut ``repeats`` times; each has its own preprocessing."""
    known = np.flatnonzero(table.split != "test")
    numbers = task.spec.data.kind == "regression"
    repeated = RepeatedKFold if numbers else RepeatedStratifiedKFold
    cut = repeated(n_splits=task.search.folds, n_repeats=task.search.repeats, random_state=task.config.seed)
    chains = chains_of(task.spec, table, scaled_columns(task.base, table.names))
    for inside, outside in cut.split(known, None if numbers else table.target[known]):
        fitted, answered = known[inside], known[outside]
        steps = preprocessors.fit(_columns(table, fitted), chains)
        preprocessor = Preprocessor(table.features, steps)
        parts = [(preprocessor(_columns(table, rows)), table.learned(rows)) for rows in (fitted, answered)]
        yield Fold(preprocessor.types, *parts)


def _columns(table: Table, rows: np.ndarray) -> Columns:
    return {name: column[rows] for name, column in table.columns.items()}


def trial(drawn: dict[str, Any], task: Task, folds: list[Fold]) -> None:
    """Fit and answer fold by fold with the drawn values."""
    give_way()
    config = task.training(drawn)
    kind, metric = task.spec.data.kind, task.search.metric
    found: list[dict[str, float]] = []
    costs: dict[str, float] = {}
    for number, fold in enumerate(folds):
        # A network depends on its seed more than on its options; no trial shall win by one.
        problem = _problem(config.model_copy(update={"seed": config.seed + number}), task, fold)
        started = time.perf_counter()
        learner, _ = learners.fit(problem)
        seconds = time.perf_counter() - started
        found.append(figures_of(kind, learner, *fold.answered) | {"fit_s": seconds})
        means = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
        spread = float(np.std([one[metric] for one in found], ddof=1)) if len(found) > 1 else 0.0
        costs = costs or {"answer_us": _answer_us(learner, fold.answered[0]), "size_bytes": _size(learner)}
        report(task, means | {"spread": spread} | costs, len(found), len(folds))


def figures_of(kind: Question, learner: Learner, encoded: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """The figures of a learner on rows that it has not seen."""
    margins = learner.margins(encoded)
    found = figures.of_margins(kind, margins, target)
    if kind == "binary":
        found["auc"] = float(roc_auc_score(target, margins.reshape(-1)))
    if kind == "regression":
        found["r2"] = float(r2_score(target, margins.reshape(-1)))
    return {f"validation_{name}": value for name, value in found.items()}


def _problem(config: TrainTable, task: Task, fold: Fold) -> Problem:
    data = task.spec.data
    problem = Problem(config, data, fold.types, 1, {"train": fold.fitted, "validation": fold.answered})
    if not config.early_stopping or "early_stopping" not in learner_options.OPTIONS[config.learner]:
        return problem
    encoded, target = fold.fitted
    by_class = None if data.kind == "regression" or np.bincount(target.astype(int)).min() < 2 else target
    fitted, stopping = train_test_split(
        np.arange(len(target)), test_size=STOPPING_SHARE, random_state=config.seed, stratify=by_class
    )
    parts = {"train": fitted, "validation": stopping}
    return replace(problem, rows={split: (encoded[rows], target[rows]) for split, rows in parts.items()})


def _answer_us(learner: Learner, encoded: np.ndarray) -> float:
    """Microseconds to answer one row, without its preprocessing."""
    rows = [encoded[i % len(encoded)][None] for i in range(ANSWERS)]
    started = time.perf_counter()
    for row in rows:
        learner.margins(row)
    return 1e6 * (time.perf_counter() - started) / len(rows)


def _size(learner: Learner) -> float:
    with tempfile.TemporaryDirectory() as folder:
        learner.save(Path(folder))
        return float((Path(folder) / learner.weights).stat().st_size)
