"""The code of one Ray Train worker: boost trees on its share of the rows.

``training.table.train`` starts it; it has its own module so that Ray pickles its name, not its code.
The trials of a study boost with the same ``boost`` and ``booster_params``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import ray
import ray.train
import xgboost as xgb
from ray.train.xgboost import RayTrainReportCallback

from models.specs import TableData
from models.table.model import matrix_of
from training.runs.config import TrainTable
from training.runs.errors import ConfigError, DivergedError
from training.runs.ray_session import give_way
from training.table.booster_params import problem_of

LABEL = "_target"
SEVERAL = {"mlogloss", "merror"}

History = dict[str, dict[str, list[float]]]


def train_loop(config: dict[str, Any]) -> None:
    """Boost ``num_boost_round`` trees; rank 0 stores the model in the reported checkpoint."""
    give_way()
    train, validation = (_shard(name, config["types"]) for name in ("train", "validation"))
    rounds, patience = config["num_boost_round"], config["early_stopping"]
    booster, history = boost(config["params"], rounds, train, validation, [], patience)
    first = ray.train.get_context().get_world_rank() == 0
    _report(booster if first else None)
    if first:
        for step in range(rounds_of(history)):
            config["board"].epoch.remote(step, figures_of(history, step))
        ray.get(config["board"].step.remote(rounds, rounds, {}))


def _report(booster: xgb.Booster | None) -> None:
    """Store the model where ``RayTrainReportCallback.get_model`` finds it.

    The callback itself reports every round, and each report waits for the controller's poll: 20 s for 100 rounds.
    """
    if booster is None:
        ray.train.report({})
        return
    with tempfile.TemporaryDirectory() as folder:
        booster.save_model(Path(folder, RayTrainReportCallback.CHECKPOINT_NAME))
        ray.train.report({}, checkpoint=ray.train.Checkpoint(folder))


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
) -> tuple[xgb.Booster, History]:
    """Boost trees; returns them and the figures of every round.

    With ``patience``, ends after that many rounds without a better validation figure, and keeps the best trees.
    Raises DivergedError when the loss is NaN, ConfigError when XGBoost refuses a parameter.
    """
    history: History = {}
    stopping = [_stopping(params, patience)] if patience else []
    try:
        booster = xgb.train(
            params,
            dtrain=train,
            num_boost_round=rounds,
            evals=[(train, "train"), (validation, "validation")],
            evals_result=history,
            verbose_eval=False,
            callbacks=[*callbacks, *stopping],
        )
    except xgb.core.XGBoostError as error:
        raise ConfigError(f"XGBoost refuses the parameters: {problem_of(error)}.") from None
    refuse_nan(history)
    return booster, history


def _stopping(params: dict[str, Any], patience: int) -> xgb.callback.EarlyStopping:
    return xgb.callback.EarlyStopping(
        rounds=patience, metric_name=params["eval_metric"][0], data_name="validation", save_best=True
    )


def figures_of(history: History, step: int) -> dict[str, float]:
    """The figures of one round; XGBoost's name for the log loss of several classes is that of two."""
    return {
        f"{part}_{name.removeprefix('m') if name in SEVERAL else name}": values[step]
        for part, by_name in history.items()
        for name, values in by_name.items()
    }


def rounds_of(history: History) -> int:
    """The number of rounds."""
    return len(next(iter(history["train"].values())))


def refuse_nan(history: History) -> None:
    """Raise DivergedError when a training loss is NaN."""
    losses = next(iter(history["train"].values()))
    for step, loss in enumerate(losses):
        if loss != loss:
            raise DivergedError(f"The loss became NaN in round {step + 1}; try a smaller --learning-rate.")


def _shard(name: str, types: list[str]) -> xgb.DMatrix:
    return from_frame(ray.train.get_dataset_shard(name).materialize().to_pandas(), types)


def as_frame(encoded: np.ndarray, target: np.ndarray) -> pd.DataFrame:
    """Encoded rows (n, columns) with their target, for Ray Data."""
    return pd.DataFrame(encoded, columns=list(map(str, range(encoded.shape[1])))).assign(**{LABEL: target})


def from_frame(frame: pd.DataFrame, types: list[str]) -> xgb.DMatrix:
    """Rows of ``as_frame`` in XGBoost's form."""
    encoded = frame.drop(columns=LABEL).to_numpy()
    return matrix_of(encoded, frame[LABEL].to_numpy(), types)
