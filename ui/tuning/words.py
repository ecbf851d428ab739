"""What is tuned, in words: metrics, the states of trials, and how values are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ui.kit.words import listed, percent

DIGITS = 4
# The parameter of a study over learners that says which one a trial fits.
LEARNER = "learner"
TRIAL_STATES = {
    "running": "running now",
    "finished": "finished",
    "stopped": "stopped early",
    "failed": "failed",
    "interrupted": "interrupted",
}


@dataclass(frozen=True)
class Metric:
    """What a study compares: a name, half a sentence, and whether it is a share."""

    title: str
    meaning: str
    share: bool = False

    def text(self, value: float) -> str:
        """A value of it in words."""
        return percent(value) if self.share else number(value)


LOSS = "how little it expects the right answers of held-back data"
METRICS = {
    "validation_logloss": Metric("Log loss", LOSS),
    "validation_loss": Metric("Log loss", LOSS),
    "train-logloss": Metric("Training log loss", "how little it expects the right answers of the data it learns from"),
    "validation_error": Metric("Error rate", "the share of held-back data that it answers wrongly", share=True),
    "validation_accuracy": Metric("Accuracy", "the share of held-back data that it answers rightly", share=True),
}


def metric_of(name: str) -> Metric:
    """The metric of this name; one without words here is shown by its name."""
    return METRICS.get(name) or Metric(name, "what the study compares")


def parameter(tunable: dict[str, Any], name: str) -> tuple[str, str]:
    """A parameter's title and description, as the API has them."""
    described = tunable.get(name, {})
    return described.get("title") or name, described.get("description", "")


def finite(value: Any) -> float | None:
    """A number as it is, None for anything that cannot be drawn."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def number(value: Any) -> str:
    """Four significant digits: `0.07123`, `250`."""
    known = finite(value)
    return str(value) if known is None else f"{known:.{DIGITS}g}" if abs(known) < 10**DIGITS else f"{known:.0f}"


def parameters(params: dict[str, Any]) -> str:
    """`gamma 0.12 and subsample 0.8`."""
    return listed([f"{name} {number(value)}" for name, value in params.items()])
