"""What one Ray Train worker does to boost trees on its share of the rows.

``training.breast_cancer`` starts it; it lives in a module of its own so that Ray ships its name, not its code.
"""

from __future__ import annotations

from typing import Any

import ray
import ray.train
import xgboost as xgb
from ray.train.xgboost import RayTrainReportCallback

from training.errors import DivergedError
from training.ray_session import give_way

LABEL = "malignant"


def train_loop(config: dict[str, Any]) -> None:
    """Boost ``num_boost_round`` trees; rank 0 leaves the model in the reported checkpoint."""
    give_way()
    train = _matrix("train", config["features"])
    validation = _matrix("validation", config["features"])
    history: dict[str, dict[str, list[float]]] = {}
    xgb.train(
        config["params"],
        dtrain=train,
        num_boost_round=config["num_boost_round"],
        evals=[(train, "train"), (validation, "validation")],
        evals_result=history,
        verbose_eval=False,
        # One report at the end: each one waits for the controller's poll, a hundred would take a minute.
        callbacks=[RayTrainReportCallback(frequency=0, checkpoint_at_end=True)],
    )
    _refuse_nan(history)
    if ray.train.get_context().get_world_rank() == 0:
        for step in range(config["num_boost_round"]):
            figures = {
                f"{part}_{name}": values[step] for part, by_name in history.items() for name, values in by_name.items()
            }
            config["board"].epoch.remote(step, figures)
        ray.get(config["board"].step.remote(config["num_boost_round"], config["num_boost_round"], {}))


def _matrix(name: str, features: list[str]) -> xgb.DMatrix:
    frame = ray.train.get_dataset_shard(name).materialize().to_pandas()
    return xgb.DMatrix(frame[features], label=frame[LABEL])


def _refuse_nan(history: dict[str, dict[str, list[float]]]) -> None:
    for step, loss in enumerate(history["train"]["logloss"]):
        if loss != loss:
            raise DivergedError(f"The loss became NaN in round {step + 1}; try a smaller --learning-rate.")
