"""The learners of the table family, each in the form that answers: trees, or the layers of a linear model or a network.

    learner = load(folder, metadata.config)
    margins = learner.margins(encoded)              # log-odds, one of each class, or numbers
    pushes = learner.contributions(encoded, types)  # what each column adds to them

``training/table/learners`` fits them. A class of weights is imported when a version needs it: a replica of a linear
model never imports XGBoost.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from models.specs import Learner as Name

# Keras and PyTorch networks, and linear models, are layers: those answer without the library that trained them.
FORMS: dict[Name, str] = {
    "xgboost": "trees:Trees",
    "linear": "layers:Layers",
    "mlp": "layers:Layers",
    "keras": "layers:Layers",
}


class Learner(Protocol):
    """Fitted weights that answer encoded rows, float32 (n, columns) with NaN where a value is missing."""

    weights: str
    backend: str
    precision: str

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The weights of a checkpoint folder. Raises CheckpointError."""

    def save(self, folder: Path) -> None:
        """Write the weights into a folder."""

    @property
    def width(self) -> int:
        """The number of columns of a row."""

    def margins(self, encoded: np.ndarray) -> np.ndarray:
        """Log-odds (n,), a margin for each class (n, classes), or numbers (n,); float64."""

    def contributions(self, encoded: np.ndarray, types: list[str]) -> np.ndarray:
        """What each column adds to the margins, (n, columns + 1) or (n, classes, columns + 1); the bias last."""


def name_of(config: dict[str, Any]) -> Name:
    """The learner in a version's ``config`` or a spec's preset; those of earlier releases are trees."""
    return config.get("learner", "xgboost")


def load(folder: Path, config: dict[str, Any]) -> Learner:
    """The learner of a checkpoint folder. Raises CheckpointError."""
    module, form = FORMS[name_of(config)].split(":")
    return getattr(import_module(f"models.table.learners.{module}"), form).load(folder)
