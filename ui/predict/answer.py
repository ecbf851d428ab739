"""The answer of a table model at a threshold, its false alarms and misses, as the screen shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ui.kit.models import Shown
from ui.kit.templates import macro, render


@dataclass(frozen=True)
class Answer:
    """The decision about a row. With more than two classes it has neither a positive class nor a threshold."""

    label: str
    positive: str = ""
    negative: str = ""
    probability: float = 0.0
    threshold: float = 0.5

    @property
    def side(self) -> str:
        """`positive` or `negative`; nothing with more than two classes."""
        if not self.positive:
            return ""
        return "positive" if self.label == self.positive else "negative"

    def glance(self) -> Markup:
        """The answer in one line."""
        return macro("predict/table_answer.html", "glance", self)

    def card(self, reply: dict[str, Any], truth: str | None) -> Markup:
        """The whole answer; `truth` is the true label of a real row that was not changed."""
        return macro("predict/table_answer.html", "whole", self, reply, truth)

    def tradeoff(self, evaluation: dict[str, Any]) -> Markup:
        """False alarms and misses on the validation rows at this threshold."""
        confusion = evaluation["validation"]["confusion"]
        steps = evaluation.get("thresholds") or []
        return render(
            "predict/tradeoff.html",
            step=min(steps, key=lambda step: abs(step["threshold"] - self.threshold), default=None),
            positive=self.positive,
            negative=self.negative,
            rows=evaluation["validation"]["rows"],
            parts=[f"{sum(row)} {label}" for label, row in zip(confusion["labels"], confusion["matrix"], strict=True)],
        )


def answer_to(prediction: dict[str, Any], model: Shown, labels: Sequence[str], threshold: float) -> Answer:
    """What a prediction says at this threshold of the probability of the positive class, if there is one."""
    positive = model.positive
    if positive is None:
        return Answer(prediction["label"])
    negative = next(label for label in labels if label != positive)
    probability = prediction[model.probability]
    return Answer(positive if probability >= threshold else negative, positive, negative, probability, threshold)
