"""What a table model answers: one of two classes, one of several, or a number.

A question turns the learner's margins into answers, and answers into labels, probabilities and the API's predictions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.artifact.checkpoint import Metadata
from models.specs import Question as Kind
from models.table.contract import kind_of, probability_field

THRESHOLD = 0.5


class Binary:
    """Two classes, the positive one first in ``labels``. An answer is the probability of the positive class, (n,)."""

    def __init__(self, labels: list[str]) -> None:
        self.labels = labels
        self._field = probability_field(labels)

    def answers(self, margins: np.ndarray) -> np.ndarray:
        """Probabilities from log-odds, in double precision: the logit of one near 0 or 1 is the margin again."""
        return 1 / (1 + np.exp(-margins.reshape(-1)))

    def decide(self, answers: np.ndarray) -> list[str]:
        """The label of each probability."""
        positive, negative = self.labels
        return [positive if probability >= THRESHOLD else negative for probability in answers]

    def distribution(self, answers: np.ndarray) -> np.ndarray:
        """Probabilities (n, 2) of both classes."""
        return np.stack([answers, 1 - answers], axis=1)

    def encode(self, answers: np.ndarray) -> list[dict[str, Any]]:
        """Answers in the form of the API."""
        return [
            {"label": label, self._field: float(answer)}
            for label, answer in zip(self.decide(answers), answers, strict=True)
        ]

    def explained(self, contributions: np.ndarray, answers: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Of contributions (n, features + 1) to the log-odds, those toward the positive class."""
        return contributions


class Multiclass:
    """Several classes. An answer is the probability of each, (n, classes)."""

    def __init__(self, labels: list[str]) -> None:
        self.labels = labels

    def answers(self, margins: np.ndarray) -> np.ndarray:
        """Probabilities from a margin for each class (softmax)."""
        grown = np.exp(margins - margins.max(axis=1, keepdims=True))
        return grown / grown.sum(axis=1, keepdims=True)

    def decide(self, answers: np.ndarray) -> list[str]:
        """The label of the greatest probability."""
        return [self.labels[i] for i in answers.argmax(axis=1)]

    def distribution(self, answers: np.ndarray) -> np.ndarray:
        """The probabilities themselves."""
        return answers

    def encode(self, answers: np.ndarray) -> list[dict[str, Any]]:
        """Answers in the form of the API."""
        return [
            {
                "label": label,
                "probability": float(answer.max()),
                "probabilities": dict(zip(self.labels, map(float, answer), strict=True)),
            }
            for label, answer in zip(self.decide(answers), answers, strict=True)
        ]

    def explained(self, contributions: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Of contributions (n, classes, features + 1) to the margins, those toward the class that is answered."""
        return contributions[np.arange(len(answers)), answers.argmax(axis=1)]


class Regression:
    """A number. An answer is the number, (n,)."""

    labels: list[str] = []

    def answers(self, margins: np.ndarray) -> np.ndarray:
        """The margins are the numbers."""
        return margins.reshape(-1)

    def decide(self, answers: np.ndarray) -> list[str]:
        """The numbers as text, as a batch prediction and a comparison show them."""
        return [f"{answer:.6g}" for answer in answers]

    def distribution(self, answers: np.ndarray) -> np.ndarray:
        """The numbers, (n, 1)."""
        return answers[:, None]

    def encode(self, answers: np.ndarray) -> list[dict[str, Any]]:
        """Answers in the form of the API."""
        return [{"value": float(answer)} for answer in answers]

    def explained(self, contributions: np.ndarray, answers: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Contributions (n, features + 1) in the target's unit."""
        return contributions


Question = Binary | Multiclass | Regression
_OF: dict[Kind, Any] = {"binary": Binary, "multiclass": Multiclass}


def of_kind(kind: Kind, labels: list[str]) -> Question:
    """The question of a kind with its labels."""
    return Regression() if kind == "regression" else _OF[kind](labels)


def of_version(metadata: Metadata) -> Question:
    """The question of a version; those of earlier releases have two classes."""
    return of_kind(kind_of(metadata), metadata.labels)
