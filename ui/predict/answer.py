"""The answer of a table model, of a binary one at a threshold, as the screen shows it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from ui.kit.models import Shown, probability_key
from ui.kit.templates import macro, render
from ui.kit.words import listed, quantity
from ui.predict.cells import in_words

MOST_CLASSES = 10


@dataclass(frozen=True)
class Answer:
    """The answer to a row.

    Of a binary model the decision at a threshold, with both classes; of one of several classes its label, with their
    probabilities as pairs; of a regression a number.
    """

    label: str
    positive: str = ""
    negative: str = ""
    probability: float = 0.0
    threshold: float = 0.5
    probabilities: list[dict[str, Any]] = field(default_factory=list)
    value: float | None = None
    unit: str = ""

    @property
    def side(self) -> str:
        """`positive` or `negative`; nothing where there are no such."""
        if not self.positive:
            return ""
        return "positive" if self.label == self.positive else "negative"

    def glance(self) -> Markup:
        """The answer in one line."""
        return macro("predict/table_answer.html", "glance", self)

    def card(self, reply: dict[str, Any], row: dict[str, Any], truth: Any) -> Markup:
        """The whole answer; `truth` is the true label, or number, of a real row that was not changed."""
        said = {"reply": reply, "truth": self._against(truth), "remarks": remarks(reply["predictions"][0], row)}
        return macro("predict/table_answer.html", "whole", self, *said.values())

    def _against(self, truth: Any) -> tuple[str, str] | None:
        """What the truth says about this answer, and how it looks."""
        if truth is None:
            return None
        if self.value is None:
            right = truth == self.label
            return f"{'Right' if right else 'Wrong'}: the true label of this real row is {truth}.", (
                "good" if right else "problem"
            )
        with suppress(ValueError):
            known = float(truth)
            off = quantity(abs(self.value - known), self.unit)
            return f"The true value of this real row is {quantity(known, self.unit)}: the answer is off by {off}.", (
                "info"
            )
        return None

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


def remarks(prediction: dict[str, Any], row: dict[str, Any]) -> list[str]:
    """What is unusual about a row, in sentences."""
    found = []
    if outside := prediction.get("out_of_range"):
        lie = "lies" if len(outside) == 1 else "lie"
        found.append(
            f"{listed(outside, 4)} {lie} outside the range of the training rows: the model has seen nothing like it."
        )
    if missing := prediction.get("missing"):
        one = len(missing) == 1
        found.append(
            f"{listed(missing, 4)} {'is' if one else 'are'} empty: answered without {'it' if one else 'them'}."
        )
    if unseen := prediction.get("unseen"):
        named = listed([f"{name} “{in_words(row.get(name))}”" for name in unseen], 4)
        was = "was" if len(unseen) == 1 else "were"
        found.append(f"{named} {was} not among the training rows: answered as an unknown value.")
    return found


def answer_to(prediction: dict[str, Any], model: Shown, labels: Sequence[str], threshold: float) -> Answer:
    """What a prediction says; of a binary model at this threshold of the probability of the positive class."""
    if "value" in prediction:
        value = prediction["value"]
        return Answer(quantity(value, model.unit), value=value, unit=model.unit)
    probability = prediction.get(probability_key(prediction), 0.0)
    positive = model.positive
    if positive is None:
        ranked = sorted(prediction.get("probabilities", {}).items(), key=lambda item: -item[1])
        shares = [{"label": label, "probability": share} for label, share in ranked[:MOST_CLASSES]]
        return Answer(prediction["label"], probability=probability, probabilities=shares)
    negative = next(label for label in labels if label != positive)
    return Answer(positive if probability >= threshold else negative, positive, negative, probability, threshold)
