"""The figures of a round or an epoch from margins: log loss and error, or RMSE and MAE."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from models.specs import Question
from training.runs.errors import DivergedError


def loss_of(kind: Question) -> str:
    """The name of what a learner makes small."""
    return "rmse" if kind == "regression" else "logloss"


def of_margins(kind: Question, margins: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Of margins (n, outputs) and targets (n,): places of classes, 1 for the positive of two, or numbers."""
    if kind == "regression":
        off = margins.reshape(-1) - target
        return {"rmse": float(np.sqrt((off**2).mean())), "mae": float(np.abs(off).mean())}
    if kind == "binary":
        log_odds = margins.reshape(-1)
        losses = np.logaddexp(0, log_odds) - target * log_odds
        return {"logloss": float(losses.mean()), "error": float(((log_odds >= 0) != target).mean())}
    places = target.astype(np.int64)
    losses = logsumexp(margins, axis=1) - margins[np.arange(len(places)), places]
    return {"logloss": float(losses.mean()), "error": float((margins.argmax(axis=1) != places).mean())}


def refuse_nan(loss: float, step: int, unit: str) -> None:
    """Raise DivergedError when a training loss is NaN."""
    if loss != loss:
        raise DivergedError(f"The loss became NaN in {unit} {step + 1}; try a smaller --learning-rate.")
