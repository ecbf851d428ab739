"""A model of the table family: rows in, a class or a number out.

Learner and fitted preprocessing come from a checkpoint folder; labels and features from its metadata.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.artifact import checkpoint
from models.table import features, learners, questions
from models.table.contract import takes_gaps
from models.table.learners import Learner
from models.table.own_steps import OwnStepError
from models.table.preprocessing import Preprocessor, Rows
from settings import Settings

GOLDEN_ATOL = 1e-5


class TableModel:
    """A learner with its preprocessing. Labels, features and training ranges come from the metadata."""

    def __init__(self, learner: Learner, metadata: checkpoint.Metadata) -> None:
        self.learner = learner
        self.backend, self.precision = learner.backend, learner.precision
        self.metadata = metadata
        self.labels = metadata.labels
        self.question = questions.of_version(metadata)
        self.preprocessor = Preprocessor.of_version(metadata)
        self.described = self.preprocessor.features
        self.features = [feature.name for feature in self.described]
        self.takes_gaps = takes_gaps(metadata)
        self._numeric = [i for i, feature in enumerate(self.described) if feature.is_numeric]
        numeric = [self.described[i] for i in self._numeric]
        self._low = np.array([np.nan if one.min is None else one.min for one in numeric])
        self._high = np.array([np.nan if one.max is None else one.max for one in numeric])
        self._known = {i: set(one.categories) for i, one in enumerate(self.described) if one.kind == "category"}

    @classmethod
    def load(cls, folder: Path) -> TableModel:
        """The model of a checkpoint folder, files and golden answers checked. Raises CheckpointError."""
        metadata = checkpoint.verify(folder)
        learner = learners.load(folder, metadata.config)
        try:
            model = cls(learner, metadata)
        except OwnStepError as error:
            raise checkpoint.CheckpointError(f"{folder.name}: {error}") from error
        width = len(model.preprocessor.owners)
        if learner.width != width:
            raise checkpoint.CheckpointError(
                f"{folder.name}: {learner.weights} takes {learner.width} features, its metadata names {width}."
            )
        checkpoint.check_golden(folder, model.predict, atol=GOLDEN_ATOL * metadata.decision.get("scale", 1.0))
        return model

    @classmethod
    def load_to_serve(cls, folder: Path, settings: Settings) -> TableModel:  # noqa: ARG003 - one backend only
        """``load``: a learner has one backend."""
        return cls.load(folder)

    def save(self, folder: Path) -> None:
        """Write the learner into ``folder``."""
        self.learner.save(folder)

    def predict(self, rows: Rows) -> np.ndarray:
        """Answers to rows (n, features): probabilities (n,) or (n, classes), or numbers (n,), float64."""
        return self.question.answers(self.learner.margins(self.preprocessor(rows)))

    def from_tensor(self, given: np.ndarray) -> np.ndarray:
        """Rows of the Open Inference Protocol, numbers or texts (n, features). Raises ValueError naming a feature."""
        if given.dtype != object:
            return given
        return features.rows_of_texts(given, self.described)

    def decide(self, answers: np.ndarray) -> list[str]:
        """The label of each answer."""
        return self.question.decide(answers)

    def distribution(self, answers: np.ndarray) -> np.ndarray:
        """Probabilities (n, labels) from the result of ``predict``; of a regression the numbers, (n, 1)."""
        return self.question.distribution(answers)

    def encode(self, rows: np.ndarray, answers: np.ndarray, explain: bool = False) -> list[dict[str, Any]]:
        """Predictions in the form of the API, from answers to rows (n, features)."""
        predictions = self.question.encode(answers)
        for key, names in (("out_of_range", self.out_of_range), ("missing", self.missing), ("unseen", self.unseen)):
            for prediction, named in zip(predictions, names(rows), strict=True):
                prediction[key] = named
        if explain:
            names = [*self.features, "bias"]
            for prediction, row in zip(predictions, self.contributions(rows, answers), strict=True):
                prediction["contributions"] = dict(zip(names, map(float, row), strict=True))
        return predictions

    def contributions(self, rows: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """What each feature adds to the answers to rows, (n, features + 1), bias last.

        A row's sum is the logit of the probability (of the positive class), the margin of the answered class, or the
        number.
        """
        pushes = self.learner.contributions(self.preprocessor(rows), self.preprocessor.types)
        pushes = self.question.explained(pushes, answers)
        if self.preprocessor.owners == list(range(len(self.features))):
            return pushes
        together = np.zeros((len(pushes), len(self.features) + 1))
        for place, owner in enumerate([*self.preprocessor.owners, len(self.features)]):
            together[:, owner] += pushes[:, place]
        return together

    def out_of_range(self, rows: np.ndarray) -> list[list[str]]:
        """For each row the features whose value is outside the range of the training rows."""
        numbers = self.preprocessor.numbers(rows)
        outside = np.zeros((len(rows), len(self.features)), dtype=bool)
        outside[:, self._numeric] = (numbers < self._low) | (numbers > self._high)
        return self._named(outside)

    def missing(self, rows: np.ndarray) -> list[list[str]]:
        """For each row the features without a value."""
        if rows.dtype == np.float64:
            return self._named(np.isnan(rows))
        return self._named(
            np.column_stack([features.is_missing(rows[:, i], one) for i, one in enumerate(self.described)])
        )

    def unseen(self, rows: np.ndarray) -> list[list[str]]:
        """For each row the features whose category no training row had."""
        unseen = np.zeros((len(rows), len(self.features)), dtype=bool)
        for i, known in self._known.items():
            unseen[:, i] = [value is not None and value not in known for value in rows[:, i]]
        return self._named(unseen)

    def _named(self, flags: np.ndarray) -> list[list[str]]:
        if not flags.any():
            return [[] for _ in flags]
        return [[self.features[i] for i in np.flatnonzero(row)] for row in flags]
