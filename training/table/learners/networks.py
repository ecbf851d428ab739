"""What networks of PyTorch and of Keras have in common: their shape, their rows, the end of a training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.table.learners.layers import Layer, Layers
from training.table.learners import Problem, Standard, figures

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


class Best:
    """Keeps the learner of the epoch that answers the validation rows best; ``patience`` 0 keeps the last."""

    def __init__(self, patience: int) -> None:
        self._patience, self._loss, self._since = patience, np.inf, 0
        self.learner: Layers

    def keeps(self, loss: float, learner: Layers) -> bool:
        """Note an epoch; returns whether the training goes on."""
        if loss < self._loss or not self._patience:
            self._loss, self._since, self.learner = loss, 0, learner
            return True
        self._since += 1
        return self._since < self._patience


def figures_of(problem: Problem, rows: Rows, learner: Layers, loss: float, epoch: int) -> dict[str, float]:
    """The figures of an epoch: those of the validation rows, and the loss that was trained on, averaged over it.

    Raises DivergedError.
    """
    figures.refuse_nan(loss, epoch, "epoch")
    encoded, truth = problem.rows["validation"]
    kind = problem.data.kind
    found = figures.of_margins(kind, learner.margins(encoded), truth)
    own_unit = np.sqrt(loss) * rows.standard.std if kind == "regression" else loss
    of_validation = {f"validation_{name}": value for name, value in found.items()}
    return {f"train_{figures.loss_of(kind)}": float(own_unit)} | of_validation
