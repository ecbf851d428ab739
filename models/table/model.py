"""A model of the table family: rows of numbers in, the probability of the positive class out.

Booster and fitted scaler come from a checkpoint folder; ``labels`` names the positive class first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb

from models.artifact import checkpoint
from models.table.contract import probability_field
from settings import Settings

WEIGHTS = "booster.ubj"
GOLDEN_ATOL = 1e-5
THRESHOLD = 0.5


def scale(matrix: np.ndarray, features: list[str], preprocessor: dict[str, Any]) -> np.ndarray:
    """Standardise the chosen columns of (n, features), the only preprocessing step of this family.

    ``preprocessor["scaler"]`` maps a column's name to its training ``mean`` and ``std``.
    """
    scaled = np.array(matrix, dtype=np.float32)
    for column, fitted in preprocessor["scaler"].items():
        i = features.index(column)
        scaled[:, i] = (matrix[:, i] - fitted["mean"]) / (fitted["std"] or 1.0)
    return scaled


class TableModel:
    """A booster with its scaler. Labels, features and training ranges come from the metadata."""

    backend, precision = "xgboost", "fp32"

    def __init__(self, booster: xgb.Booster, metadata: checkpoint.Metadata) -> None:
        booster.set_param({"nthread": 1})
        self.booster = booster
        self.metadata = metadata
        self.labels = metadata.labels
        self.features: list[str] = metadata.config["features"]
        self.ranges: dict[str, dict[str, float]] = metadata.preprocessor["ranges"]
        self._low = np.array([self.ranges[name]["min"] for name in self.features])
        self._high = np.array([self.ranges[name]["max"] for name in self.features])

    @classmethod
    def load(cls, folder: Path) -> TableModel:
        """The model of a checkpoint folder, files and golden answers checked. Raises CheckpointError."""
        metadata = checkpoint.verify(folder)
        booster = xgb.Booster()
        try:
            booster.load_model(str(folder / WEIGHTS))
        except xgb.core.XGBoostError as error:
            raise checkpoint.CheckpointError(f"{folder.name}: {WEIGHTS} is not an XGBoost model.") from error
        model = cls(booster, metadata)
        if booster.num_features() != len(model.features):
            raise checkpoint.CheckpointError(
                f"{folder.name}: {WEIGHTS} takes {booster.num_features()} features, "
                f"its metadata names {len(model.features)}."
            )
        checkpoint.check_golden(folder, model.predict, atol=GOLDEN_ATOL)
        return model

    @classmethod
    def load_to_serve(cls, folder: Path, settings: Settings) -> TableModel:  # noqa: ARG003 - one backend only
        """``load``: trees have one backend."""
        return cls.load(folder)

    def save(self, folder: Path) -> None:
        """Write the booster into ``folder``."""
        self.booster.save_model(str(folder / WEIGHTS))

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Probability of the positive class, float64 (n,), of rows float64 (n, features) in ``features`` order."""
        scaled = scale(matrix, self.features, self.metadata.preprocessor)
        margin = np.asarray(self.booster.inplace_predict(scaled, predict_type="margin"), dtype=np.float64)
        # In double precision, so that the logit of a probability near 0 or 1 is the margin again.
        return 1 / (1 + np.exp(-margin.reshape(-1)))

    def decide(self, answers: np.ndarray) -> list[str]:
        """The label of each probability of the positive class (n,)."""
        positive, negative = self.labels
        return [positive if probability >= THRESHOLD else negative for probability in answers]

    def distribution(self, answers: np.ndarray) -> np.ndarray:
        """Probabilities (n, 2) of both classes, the positive one first, from the result of ``predict``."""
        return np.stack([answers, 1 - answers], axis=1)

    def encode(self, matrix: np.ndarray, answers: np.ndarray, explain: bool = False) -> list[dict[str, Any]]:
        """Predictions in the form of the API, from probabilities (n,) of rows (n, features)."""
        field = probability_field(self.labels)
        predictions: list[dict[str, Any]] = [
            {"label": label, field: float(probability), "out_of_range": outside}
            for label, probability, outside in zip(
                self.decide(answers), answers, self.out_of_range(matrix), strict=True
            )
        ]
        if explain:
            names = [*self.features, "bias"]
            for prediction, row in zip(predictions, self.contributions(matrix), strict=True):
                prediction["contributions"] = dict(zip(names, map(float, row), strict=True))
        return predictions

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Log-odds toward the positive class that each feature adds, float32 (n, features + 1), bias last.

        A row's sum is the logit of its probability. TreeSHAP: Lundberg, Erion, Lee,
        "Consistent Individualized Feature Attribution for Tree Ensembles", arXiv:1802.03888.
        """
        scaled = scale(matrix, self.features, self.metadata.preprocessor)
        return self.booster.predict(xgb.DMatrix(scaled), pred_contribs=True, validate_features=False)

    def out_of_range(self, matrix: np.ndarray) -> list[list[str]]:
        """For each row the features whose value is outside the range of the training rows."""
        outside = (matrix < self._low) | (matrix > self._high)
        if not outside.any():
            return [[] for _ in matrix]
        return [[self.features[i] for i in np.flatnonzero(row)] for row in outside]
