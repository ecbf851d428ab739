"""The model that dask_on_ray, modin_on_ray and spark_on_ray train, each from a data frame of its own.

The trainer runs its loop in the program itself, without workers: what counts here is where the rows come from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from examples import CSV

TARGET = "target"
ADDED = "worst area / mean area"  # what each library adds to the rows before it hands them to Ray
PARAMS = {"objective": "binary:logistic", "eval_metric": "auc", "max_depth": 3, "nthread": 1, "seed": 0}
ROUNDS = 20


def auc_of(frame: Any) -> float:
    """Train on four rows of five of a pandas frame and compute the AUC on the fifth, in whatever order they come."""
    import xgboost as xgb

    columns = sorted(frame.columns)
    frame = frame[columns].sort_values(columns, ignore_index=True)
    held_out = frame.index % 5 == 0
    values = frame.drop(columns=TARGET)
    train, test = (xgb.DMatrix(values[part], frame.loc[part, TARGET]) for part in (~held_out, held_out))
    figures: dict = {}
    xgb.train(PARAMS, train, ROUNDS, evals=[(test, "test")], evals_result=figures, verbose_eval=False)
    return figures["test"]["auc"][-1]


def train_loop() -> float:
    """What each worker would run; its value is kept in the result."""
    import ray.train

    return auc_of(ray.train.get_dataset_shard("train").materialize().to_pandas())


def compare(dataset: Any) -> None:
    """Train on the Dataset by Ray, then on the same rows by pandas and XGBoost alone, and print both figures."""
    import pandas as pd
    from ray.train import RunConfig, ScalingConfig
    from ray.train.xgboost import XGBoostTrainer

    print(f"Ray Dataset: {dataset.count()} rows in {dataset.num_blocks()} blocks, {len(dataset.columns())} columns")
    trainer = XGBoostTrainer(
        train_loop,
        scaling_config=ScalingConfig(num_workers=0),  # no process besides this one
        datasets={"train": dataset},
        run_config=RunConfig(storage_path=str(Path.cwd() / "runs")),
    )
    print(f"AUC by XGBoostTrainer on these rows: {trainer.fit().return_value:.4f}")
    frame = pd.read_csv(CSV)
    frame[ADDED] = frame["worst area"] / frame["mean area"]
    print(f"AUC by pandas and XGBoost alone: {auc_of(frame):.4f}")
