"""Train a model of the table family: Ray Data reads, a learner fits (on Ray Train with several workers).

Stages: read → split → fit the preprocessing → fit the learner → evaluate → publish a version.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from models.artifact import checkpoint
from models.specs import ModelSpec, Question
from models.table.learners import Learner
from models.table.model import TableModel
from models.table.preprocessing import Preprocessor
from models.table.questions import THRESHOLD
from models.table.steps import Step
from settings import Settings, available_cpus
from training.datasets import tables as dataset
from training.results import evaluation, publishing, tracking
from training.runs import fitting, ray_session
from training.runs.config import TrainTable
from training.runs.errors import ConfigError, full_disk_as_data_error
from training.runs.progress import REGISTERING, Listener
from training.table import learners, preprocessors, workers
from training.table.learners import Problem

# The figures that a version is registered with, on validation and test rows.
METRICS: dict[Question, tuple[str, ...]] = {
    "binary": ("logloss", "error", "auc"),
    "multiclass": ("logloss", "error", "auc", "accuracy"),
    "regression": ("rmse", "mae", "r2"),
}


@full_disk_as_data_error()
def train(
    spec: ModelSpec,
    config: TrainTable,
    settings: Settings,
    listener: Listener | None = None,
    run_name: str | None = None,
) -> tuple[str, Path, dict[str, float]]:
    """Run all stages; returns the new version, its folder and its metrics. Raises TrainingError.

    Reports progress to ``listener``. Resumes an interrupted run of the same ``run_name``.
    """
    started = time.time()
    listener, run_name = listener or Listener(), run_name or fitting.new_run_name()
    listener.stage("reading the rows")
    registry = publishing.open_registry(settings)
    ray_session.connect(settings)
    config = config.completed(spec)
    table = dataset.read_with_ray(spec, config.data)
    for line in said_of(table):
        print(line, flush=True)
    fitted = fit_preprocessor(spec, table, scaled_columns(config, table.names))
    with tracking.run(registry.client, spec.name, f"train {config.learner}") as run:
        run.params(config.recorded())
        run.tags(
            {"data.source": table.source, "data.fingerprint": table.fingerprint, "command": publishing.command_line()}
        )
        listener.stage("training")
        problem = _problem(spec, config, table, Preprocessor(table.features, fitted))
        learner, history = _fit(problem, spec.name, settings, listener, run_name)
        for step, by_name in sorted(history.items()):
            run.metrics(by_name, step=step)
        listener.stage("evaluating")
        meta, figures, model = _evaluate(spec, problem, learner, table, fitted, started)
        run.figure(tracking.curves_figure(history, "By round or epoch"), "curves")
        if spec.data.kind != "regression":
            run.figure(tracking.confusion_figure(figures["validation"]["confusion"], "Validation rows"), "confusion")
        run.metrics(meta.metrics, step=len(history))
        listener.stage(REGISTERING)
        golden = table.rows("validation", publishing.GOLDEN_ROWS)
        version, folder = publishing.publish(
            settings, registry, run.run_id, meta, figures, model.save, (golden, model.predict(golden))
        )
        fitting.forget(settings, spec.name, run_name)
    return version, folder, meta.metrics


def said_of(table: dataset.Table) -> list[str]:
    """What a training says of its rows: the columns that are no features, the rows that it leaves out."""
    lines = [f"column {column!r} is not a feature: {why}" for column, why in table.left_out.items()]
    if table.dropped:
        lines.append(f"{table.dropped:,} rows have no target and are left out")
    return lines


def scaled_columns(config: TrainTable, features: list[str]) -> list[str]:
    """The columns to standardise. Raises ConfigError for an unknown one."""
    if config.scaled_columns == ["all"]:
        return features
    if config.scaled_columns == ["none"]:
        return []
    unknown = [column for column in config.scaled_columns if column not in features]
    if unknown:
        raise ConfigError(f"scaled_columns: there is no column {unknown[0]!r}; there are: {', '.join(features)}.")
    return config.scaled_columns


def fit_preprocessor(spec: ModelSpec, table: dataset.Table, scaled: list[str]) -> list[Step]:
    """The steps of each feature, fitted on the training rows. Raises ConfigError."""
    columns, _ = table.part("train")
    return preprocessors.fit(columns, chains_of(spec, table, scaled))


def chains_of(spec: ModelSpec, table: dataset.Table, scaled: list[str]) -> dict[str, tuple[str, ...]]:
    """The names of the steps of each feature. Raises ConfigError."""
    return {feature.name: preprocessors.chosen(spec, feature, feature.name in scaled) for feature in table.features}


def encoded(table: dataset.Table, preprocessor: Preprocessor, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a split in the form of the learner, float32 (n, columns), and what it learns of each."""
    columns, _ = table.part(split)
    return preprocessor(columns), table.learned(table.split == split)


def _fit(
    problem: Problem, model: str, settings: Settings, listener: Listener, run_name: str
) -> tuple[Learner, learners.History]:
    """Fit in this process, or on several workers: one of Ray Train takes ten seconds to start."""
    if problem.config.num_workers > 1:
        return workers.fit_on_workers(problem, model, settings, listener, run_name)
    learner, history = learners.fit(problem)
    for step, figures in history.items():
        listener.epoch(step, figures)
    listener.step(len(history), len(history), {})
    return learner, history


def _problem(spec: ModelSpec, config: TrainTable, table: dataset.Table, preprocessor: Preprocessor) -> Problem:
    rows = {split: encoded(table, preprocessor, split) for split in ("train", "validation")}
    threads = max(1, available_cpus() // config.num_workers)
    return Problem(config, spec.data, preprocessor.types, threads, rows)


def _evaluate(
    spec: ModelSpec,
    problem: Problem,
    learner: Learner,
    table: dataset.Table,
    fitted: list[Step],
    started: float,
) -> tuple[checkpoint.Metadata, dict[str, Any], TableModel]:
    """Figures and thresholds on the validation rows, then figures on the test rows, once."""
    meta = publishing.metadata(
        spec=spec,
        labels=spec.data.classes,
        config={
            "features": table.names,
            "complete_rows": spec.data.complete_rows,
            **learners.about(problem, learner),
        },
        preprocessor={"features": [feature.model_dump() for feature in table.features], "steps": fitted},
        decision=_decision(spec, table),
        metrics={},
        data={
            "source": table.source,
            "fingerprint": table.fingerprint,
            **({"left_out": table.left_out} if table.left_out else {}),
            **({"rows_without_target": table.dropped} if table.dropped else {}),
            "rows": {split: int((table.split == split).sum()) for split in dataset.SPLITS},
        },
        job=problem.config,
        seed=problem.config.seed,
        started=started,
        packages=("ray", "numpy", *learners.module(problem.config.learner).PACKAGES),
    )
    model = TableModel(learner, meta)
    figures: dict[str, Any] = {}
    for split in ("validation", "test"):
        columns, target = table.part(split)
        answers = model.predict(columns)
        figures[split] = _figures(spec, answers, target)
        if split == "validation" and table.binary:
            figures["thresholds"] = evaluation.thresholds(answers, target == 0)
    meta.metrics |= {
        f"{split}_{name}": figures[split][name] for split in ("validation", "test") for name in METRICS[spec.data.kind]
    }
    return meta, figures, model


def _figures(spec: ModelSpec, answers: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    if spec.data.kind == "regression":
        return evaluation.number_figures(answers, target)
    if spec.data.kind == "multiclass":
        return evaluation.class_figures(answers, target.astype(np.int64), spec.data.classes)
    positive, negative = spec.data.classes
    return evaluation.binary_figures(answers, target == 0, (positive, negative))


def _decision(spec: ModelSpec, table: dataset.Table) -> dict[str, Any]:
    """How an answer comes about; of a regression also the spread of the target, for the golden answers."""
    if spec.data.kind == "binary":
        return {"kind": "binary", "threshold": THRESHOLD}
    if spec.data.kind == "multiclass":
        return {"kind": "multiclass"}
    return {"kind": "regression", "scale": float(max(table.target.std(), np.abs(table.target).max(), 1e-12))}
