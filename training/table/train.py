"""Train a model of the table family: Ray Data reads, XGBoost boosts (on Ray Train with several workers).

Stages: read → split → fit the scaler → fit the trees → evaluate → publish a version.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb

from models.artifact import checkpoint
from models.specs import ModelSpec
from models.table.model import THRESHOLD, TableModel, scale
from settings import Settings, available_cpus
from training.datasets import tables as dataset
from training.results import evaluation, publishing, tracking
from training.runs import fitting, progress, ray_session
from training.runs.config import TrainTable
from training.runs.errors import ConfigError, full_disk_as_data_error
from training.runs.progress import REGISTERING, Listener
from training.table.worker import LABEL, as_matrix, boost, booster_params, figures_of, train_loop

WORKER_RESTARTS = 1


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
    for column, why in table.left_out.items():
        print(f"column {column!r} is not a feature: {why}", flush=True)
    preprocessor = fit_preprocessor(table, scaled_columns(config, table.features))
    with tracking.run(registry.client, spec.name, f"train {config.num_boost_round} trees") as run:
        run.params(config.model_dump())
        run.tags(
            {"data.source": table.source, "data.fingerprint": table.fingerprint(), "command": publishing.command_line()}
        )
        listener.stage("training")
        booster, history = _fit(spec, config, settings, table, preprocessor, run, listener, run_name)
        listener.stage("evaluating")
        meta, figures, model = _evaluate(spec, config, booster, table, preprocessor, started)
        run.figure(tracking.curves_figure(history, "By boosting round"), "curves")
        run.figure(tracking.confusion_figure(figures["validation"]["confusion"], "Validation rows"), "confusion")
        run.metrics(meta.metrics, step=config.num_boost_round)
        listener.stage(REGISTERING)
        golden_inputs = table.part("validation")[0][: publishing.GOLDEN_ROWS]
        version, folder = publishing.publish(
            settings, registry, run.run_id, meta, figures, model.save, (golden_inputs, model.predict(golden_inputs))
        )
        fitting.forget(settings, spec.name, run_name)
    return version, folder, meta.metrics


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


def _frame(matrix: np.ndarray, positive: np.ndarray, features: list[str]) -> pd.DataFrame:
    return pd.DataFrame(matrix, columns=features).assign(**{LABEL: positive.astype(np.int8)})


def fit_preprocessor(table: dataset.Table, columns: list[str]) -> dict[str, Any]:
    """The numbers of Ray Data's StandardScaler, fitted on the training rows; and the range of each feature."""
    import ray
    from ray.data.preprocessors import StandardScaler

    matrix, positive = table.part("train")
    scaler: dict[str, dict[str, float]] = {}
    if columns:
        rows = ray.data.from_pandas(_frame(matrix, positive, table.features))
        fitted = StandardScaler(columns=columns).fit(rows).stats_
        scaler = {c: {"mean": float(fitted[f"mean({c})"]), "std": float(fitted[f"std({c})"])} for c in columns}
    return {"scaler": scaler, "ranges": dataset.ranges(table)}


def _fit(
    spec: ModelSpec,
    config: TrainTable,
    settings: Settings,
    table: dataset.Table,
    preprocessor: dict[str, Any],
    run: tracking.Run,
    listener: Listener,
    run_name: str,
) -> tuple[xgb.Booster, dict[int, dict[str, float]]]:
    """Boost; returns the booster and the figures of every round."""
    rows = {}
    for split in ("train", "validation"):
        matrix, positive = table.part(split)
        rows[split] = _frame(scale(matrix, table.features, preprocessor), positive, table.features)
    if config.num_workers == 1:
        booster, history = _fit_here(config, rows, table.features, listener)
    else:
        booster, history = _fit_on_workers(spec, config, settings, rows, table.features, listener, run_name)
    for step, figures in sorted(history.items()):
        run.metrics(figures, step=step)
    return booster, history


def _fit_here(
    config: TrainTable, rows: dict[str, pd.DataFrame], features: list[str], listener: Listener
) -> tuple[xgb.Booster, dict[int, dict[str, float]]]:
    """Boost in this process: a Ray Train worker takes ten seconds to start, the boosting a tenth of a second."""
    parts = [as_matrix(rows[split], features) for split in ("train", "validation")]
    booster, evaluated = boost(booster_params(config, _threads(config)), config.num_boost_round, *parts, [])
    history = {step: figures_of(evaluated, step) for step in range(config.num_boost_round)}
    for step, figures in history.items():
        listener.epoch(step, figures)
    listener.step(config.num_boost_round, config.num_boost_round, {})
    return booster, history


def _fit_on_workers(
    spec: ModelSpec,
    config: TrainTable,
    settings: Settings,
    rows: dict[str, pd.DataFrame],
    features: list[str],
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
                "params": booster_params(config, _threads(config)),
                "num_boost_round": config.num_boost_round,
                "features": features,
                "board": board,
            },
            datasets={split: ray.data.from_pandas(frame) for split, frame in rows.items()},
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
    preprocessor: dict[str, Any],
    started: float,
) -> tuple[checkpoint.Metadata, dict[str, Any], TableModel]:
    """Figures and thresholds on the validation rows, then figures on the test rows, once."""
    answers = {}
    for split in ("validation", "test"):
        matrix, positive = table.part(split)
        scaled = scale(matrix, table.features, preprocessor)
        answers[split] = (np.asarray(booster.inplace_predict(scaled)), positive)
    figures: dict[str, Any] = {
        split: evaluation.binary_figures(probability, positive, tuple(spec.data.classes))
        for split, (probability, positive) in answers.items()
    }
    figures["thresholds"] = evaluation.thresholds(*answers["validation"])
    metrics = {
        f"{split}_{name}": figures[split][name]
        for split in ("validation", "test")
        for name in ("logloss", "error", "auc")
    }
    meta = publishing.metadata(
        spec=spec,
        labels=spec.data.classes,
        config={
            "features": table.features,
            "num_boost_round": config.num_boost_round,
            "params": booster_params(config, _threads(config)),
        },
        preprocessor=preprocessor,
        decision={"threshold": THRESHOLD},
        metrics=metrics,
        data={
            "source": table.source,
            "fingerprint": table.fingerprint(),
            **({"left_out": table.left_out} if table.left_out else {}),
            "rows": {split: int((table.split == split).sum()) for split in dataset.SPLITS},
        },
        job=config,
        seed=config.seed,
        started=started,
        packages=("xgboost", "ray", "numpy"),
    )
    return meta, figures, TableModel(booster, meta)
