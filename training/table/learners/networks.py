"""What networks of PyTorch and of Keras have in common: their shape, their rows, the end of a training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.table.learners.layers import Layer, Layers
from training.table.learners import History, Problem, Standard, figures

HIDDEN_LAYERS = 2
# So many steps make an epoch at least, as far as the smallest batch allows.
STEPS_AN_EPOCH, SMALLEST_BATCH, LARGEST_BATCH = 20, 32, 1024


@dataclass(frozen=True)
class Rows:
    """Rows for a network, float32 (n, inputs), and their targets, standardised if they are numbers."""

    standard: Standard
    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, problem: Problem) -> Rows:
        """The rows of a problem."""
        standard = problem.standard or Standard.of(problem)
        train, validation = (
            (standard.inputs(rows).astype(np.float32), ((truth - standard.mean) / standard.std).astype(np.float32))
            for rows, truth in (problem.rows["train"], problem.rows["validation"])
        )
        return cls(standard, train, validation)

    @property
    def batch(self) -> int:
        """Rows of a step."""
        return max(SMALLEST_BATCH, min(LARGEST_BATCH, len(self.train[0]) // STEPS_AN_EPOCH))

    def learner(self, layers: list[Layer]) -> Layers:
        """The layers of a trained network, with the target's own unit in the last one."""
        *before, (matrix, bias) = layers
        mean, std = self.standard.mean, self.standard.std
        return Layers(self.standard.inputs, [*before, (np.float64(matrix) * std, np.float64(bias) * std + mean)])


def shared(problem: Problem) -> Problem:
    """The problem for several workers: each has a part of the rows, and all standardise by all rows."""
    return replace(problem, standard=Standard.of(problem))


def sizes_of(problem: Problem, inputs: int) -> list[int]:
    """The number of units of each layer, the inputs first."""
    return [inputs, *[problem.config.hidden_units] * HIDDEN_LAYERS, problem.outputs]


def about(problem: Problem, learner: Layers) -> dict[str, Any]:
    """The shape of a network and the options that it was trained with."""
    config = problem.config
    shape = [int(matrix.shape[0]) for matrix, _ in learner.layers] + [problem.outputs]
    return {"units": shape, "weight_decay": config.weight_decay, "learning_rate": config.learning_rate}


class Epochs:
    """Notes each epoch of a training, and keeps the learner of the one that answers the validation rows best.

    Without ``early_stopping`` it keeps the last.
    """

    def __init__(self, problem: Problem, rows: Rows) -> None:
        self._problem, self._rows = problem, rows
        self._patience, self._best, self._since = problem.config.early_stopping, np.inf, 0
        self.history: History = {}
        self.learner: Layers

    def note(self, loss: float, layers: list[Layer]) -> bool:
        """An epoch has ended with these layers; ``loss`` is its average. Returns whether the training goes on.

        Raises DivergedError.
        """
        epoch, kind = len(self.history), self._problem.data.kind
        figures.refuse_nan(loss, epoch, "epoch")
        learner, (encoded, truth) = self._rows.learner(layers), self._problem.rows["validation"]
        found = figures.of_margins(kind, learner.margins(encoded), truth)
        own_unit = np.sqrt(loss) * self._rows.standard.std if kind == "regression" else loss
        name = figures.loss_of(kind)
        self.history[epoch] = {f"train_{name}": float(own_unit)} | {f"validation_{k}": v for k, v in found.items()}
        if found[name] < self._best or not self._patience:
            self._best, self._since, self.learner = found[name], 0, learner
            return True
        self._since += 1
        return self._since < self._patience
