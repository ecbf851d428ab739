"""Train a model of the table family: Ray Data reads, XGBoost boosts (on Ray Train with several workers).

Stages: read → split → fit the preprocessing → fit the trees → evaluate → publish a version.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb

from models.artifact import checkpoint
from models.specs import ModelSpec, Question
from models.table.model import TableModel, matrix_of
from models.table.preprocessing import Preprocessor
from models.table.questions import THRESHOLD
from models.table.steps import Step
from settings import Settings, available_cpus
from training.datasets import tables as dataset
from training.results import evaluation, publishing, tracking
from training.runs import fitting, progress, ray_session
from training.runs.config import TrainTable
from training.runs.errors import ConfigError, full_disk_as_data_error
from training.runs.progress import REGISTERING, Listener
from training.table import preprocessors
from training.table.worker import as_frame, boost, booster_params, figures_of, rounds_of, train_loop

WORKER_RESTARTS = 1
# The figures that a version is registered with, on validation and test rows.
METRICS: dict[Question, tuple[str, ...]] = {
    "binary": ("logloss", "error", "auc"),
    "multiclass": ("logloss", "error", "auc", "accuracy"),
    "regression": ("rmse", "mae", "r2"),
}
# Rows (n, columns) and what is learned of each, by split.
Encoded = dict[str, tuple[np.ndarray, np.ndarray]]


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
    with tracking.run(registry.client, spec.name, f"train {config.num_boost_round} trees") as run:
        run.params(config.model_dump())
        run.tags(
            {"data.source": table.source, "data.fingerprint": table.fingerprint, "command": publishing.command_line()}
        )
        listener.stage("training")
        booster, history = _fit(spec, config, settings, table, Preprocessor(table.features, fitted), listener, run_name)
        for step, by_name in sorted(history.items()):
            run.metrics(by_name, step=step)
        listener.stage("evaluating")
        meta, figures, model = _evaluate(spec, config, booster, table, fitted, started)
        run.figure(tracking.curves_figure(history, "By boosting round"), "curves")
        if spec.data.kind != "regression":
            run.figure(tracking.confusion_figure(figures["validation"]["confusion"], "Validation rows"), "confusion")
        run.metrics(meta.metrics, step=config.num_boost_round)
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
    chains = {feature.name: preprocessors.chosen(spec, feature, feature.name in scaled) for feature in table.features}
    return preprocessors.fit(columns, chains)


def encoded(table: dataset.Table, preprocessor: Preprocessor, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a split in the form of the learner, float32 (n, columns), and what it learns of each.

    That is 1 for the positive of two classes, the place of one of several, or the number.
    """
    columns, target = table.part(split)
    return preprocessor(columns), (target == 0).astype(np.float32) if table.binary else target


def _fit(
    spec: ModelSpec,
    config: TrainTable,
    settings: Settings,
    table: dataset.Table,
    preprocessor: Preprocessor,
    listener: Listener,
    run_name: str,
) -> tuple[xgb.Booster, dict[int, dict[str, float]]]:
    """Boost; returns the booster and the figures of every round."""
    rows = {split: encoded(table, preprocessor, split) for split in ("train", "validation")}
    if config.num_workers == 1:
        return _fit_here(spec, config, rows, preprocessor.types, listener)
    return _fit_on_workers(spec, config, settings, rows, preprocessor.types, listener, run_name)


def _fit_here(
    spec: ModelSpec, config: TrainTable, rows: Encoded, types: list[str], listener: Listener
) -> tuple[xgb.Booster, dict[int, dict[str, float]]]:
    """Boost in this process: a Ray Train worker takes ten seconds to start, the boosting a tenth of a second."""
    parts = [matrix_of(*rows[split], types) for split in ("train", "validation")]
    params = booster_params(config, _threads(config), spec.data)
    booster, evaluated = boost(params, config.num_boost_round, *parts, [], config.early_stopping)
    history = {step: figures_of(evaluated, step) for step in range(rounds_of(evaluated))}
    for step, figures in history.items():
        listener.epoch(step, figures)
    listener.step(config.num_boost_round, config.num_boost_round, {})
    return booster, history


def _fit_on_workers(
    spec: ModelSpec,
    config: TrainTable,
    settings: Settings,
    rows: Encoded,
    types: list[str],
    listener: Listener,
    run_name: str,
) -> tuple[xgb.Booster, dict[int, dict[str, float]]]:
    """Boost with Ray Train, each worker on its share of the rows."""
    import ray
    from ray.data import ExecutionOptions
    from ray.train import DataConfig
    from ray.train.xgboost import RayTrainReportCallback, XGBoostTrainer

    history: dict[int, dict[str, float]] = {}
    with progress.shown(f"xgboost, {config.num_boost_round} trees", history.__setitem__, listener, quiet=True) as board:
        trainer = XGBoostTrainer(
            train_loop,
            train_loop_config={
                "params": booster_params(config, _threads(config), spec.data),
                "num_boost_round": config.num_boost_round,
                "early_stopping": config.early_stopping,
                "types": types,
                "board": board,
            },
            datasets={split: ray.data.from_pandas(as_frame(*part)) for split, part in rows.items()},
            dataset_config=DataConfig(
                datasets_to_split=["train"], execution_options=ExecutionOptions(preserve_order=True)
            ),
            scaling_config=fitting.scaling_config(settings, config.num_workers),
            run_config=fitting.run_config(settings, spec.name, run_name),
        )
        result = fitting.fit(trainer.fit, WORKER_RESTARTS)
    return RayTrainReportCallback.get_model(result.checkpoint), history


def _threads(config: TrainTable) -> int:
    return max(1, available_cpus() // config.num_workers)


def _evaluate(
    spec: ModelSpec,
    config: TrainTable,
    booster: xgb.Booster,
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
            "num_boost_round": booster.num_boosted_rounds(),
            "params": booster_params(config, _threads(config), spec.data),
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
        job=config,
        seed=config.seed,
        started=started,
        packages=("xgboost", "ray", "numpy"),
    )
    model = TableModel(booster, meta)
    booster.set_param({"nthread": available_cpus()})
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
