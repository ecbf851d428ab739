"""What is tuned, in people's words: parameters, metrics, states, and how their values are written.

Not run by itself; the Tuning screen uses it, and the Retrain screen for parameters that came from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ui.kit.cards import listed, percent
from ui.kit.client import IMAGES

DIGITS = 4
PARAMETERS = {
    "max_depth": ("Depth of a tree", "How many questions it asks in a row."),
    "learning_rate": ("Learning rate", "How much each tree counts."),
    "num_boost_round": ("Trees", "How many. Each corrects the ones before."),
    "subsample": ("Rows a tree sees", "1 is all; fewer keep it from learning by heart."),
    "colsample_bytree": ("Columns a tree sees", "1 is all of them."),
    "min_child_weight": ("Least weight of a leaf", "Higher: no leaf for a few odd rows."),
    "reg_lambda": ("Brake on leaves (L2)", "Higher: each leaf says less."),
    "reg_alpha": ("Brake to zero (L1)", "Higher: more leaves say nothing."),
    "gamma": ("Least gain of a question", "Higher: fewer questions."),
    "max_delta_step": ("Longest step of a leaf", "0 is no limit."),
    "scale_pos_weight": ("Weight of malignant rows", "1: as much as benign ones."),
    "max_bin": ("Steps of a column", "Into how many a column is cut."),
    "batch_size": ("Pictures a step", "How many it looks at before it changes."),
}
# The same name means something else for the network.
IMAGE_PARAMETERS = {"learning_rate": ("Learning rate", "A factor on the usual rates; 1 leaves them.")}


@dataclass(frozen=True)
class Metric:
    """What a study compares: a name, half a sentence, and whether it is a share."""

    title: str
    meaning: str
    share: bool = False

    def text(self, value: float) -> str:
        """A value of it in words."""
        return percent(value) if self.share else number(value)


METRICS = {
    "validation_logloss": Metric("Surprise", "how little it expected the truth of rows held back (logloss)"),
    "train-logloss": Metric("Surprise while learning", "how little it expected the truth of rows it learned from"),
    "validation_error": Metric("Wrong answers", "the share of rows held back that it calls wrongly", share=True),
    "validation_accuracy": Metric("Right answers", "the share of pictures held back that it names right", share=True),
    "validation_loss": Metric("Surprise", "how little it expected the truth of pictures held back (loss)"),
}
STUDY_STATES = {
    "queued": "waiting",
    "running": "searching now",
    "stopping": "being stopped",
    "stopped": "stopped",
    "succeeded": "done",
    "failed": "failed",
    "interrupted": "interrupted",
}
TRIAL_STATES = {
    "running": "running now",
    "finished": "finished",
    "stopped": "stopped early",
    "failed": "failed",
    "interrupted": "interrupted",
}


def metric_of(name: str) -> Metric:
    """The metric of this name; one that has no words here stands for itself."""
    return METRICS.get(name) or Metric(name, "what the study compares")


def parameter(model: str, name: str) -> tuple[str, str]:
    """A parameter's name and half a sentence on it."""
    special = IMAGE_PARAMETERS.get(name) if model == IMAGES else None
    return special or PARAMETERS.get(name) or (name, "")


def finite(value: Any) -> float | None:
    """A number as it is, None for anything that cannot be drawn."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def number(value: Any) -> str:
    """Four digits that count: `0.07123`, `250`."""
    known = finite(value)
    return str(value) if known is None else f"{known:.{DIGITS}g}" if abs(known) < 10**DIGITS else f"{known:.0f}"


def parameters(params: dict[str, Any]) -> str:
    """`gamma 0.12 and subsample 0.8`."""
    return listed([f"{name} {number(value)}" for name, value in params.items()])
