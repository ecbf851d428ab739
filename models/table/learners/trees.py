"""Boosted trees of XGBoost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xgboost as xgb

from models.artifact.checkpoint import CheckpointError
from models.table.steps import CATEGORY

WEIGHTS = "booster.ubj"


class Trees:
    """A booster. It takes gaps and categories as they are."""

    weights, backend, precision = WEIGHTS, "xgboost", "fp32"

    def __init__(self, booster: xgb.Booster, threads: int = 1) -> None:
        booster.set_param({"nthread": threads})
        self.booster = booster

    @classmethod
    def load(cls, folder: Path) -> Trees:
        """The trees of a checkpoint folder, on one thread. Raises CheckpointError."""
        booster = xgb.Booster()
        try:
            booster.load_model(str(folder / WEIGHTS))
        except xgb.core.XGBoostError as error:
            raise CheckpointError(f"{folder.name}: {WEIGHTS} is not an XGBoost model.") from error
        return cls(booster)

    def save(self, folder: Path) -> None:
        """Write the booster into ``folder``."""
        self.booster.save_model(str(folder / WEIGHTS))

    @property
    def width(self) -> int:
        """The number of columns of a row."""
        return self.booster.num_features()

    def margins(self, encoded: np.ndarray) -> np.ndarray:
        """The sum of the leaves, (n,) or (n, classes)."""
        return np.asarray(self.booster.inplace_predict(encoded, predict_type="margin"), dtype=np.float64)

    def contributions(self, encoded: np.ndarray, types: list[str]) -> np.ndarray:
        """TreeSHAP: Lundberg, Erion, Lee, "Consistent Individualized Feature Attribution for Tree Ensembles",
        arXiv:1802.03888.
        """
        return self.booster.predict(matrix_of(encoded, None, types), pred_contribs=True, validate_features=False)


def matrix_of(encoded: np.ndarray, target: np.ndarray | None, types: list[str]) -> xgb.DMatrix:
    """Encoded rows (n, columns) in XGBoost's form; ``types`` has whether a column is a quantity or a category."""
    return xgb.DMatrix(encoded, label=target, feature_types=types, enable_categorical=CATEGORY in types)
