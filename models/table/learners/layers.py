"""A linear model or a network as plain arrays: it answers with numpy, whichever library trained it.

A layer is a matrix and a bias; between two layers is SiLU, x / (1 + exp(-x)): Elfwing, Uchibe, Doya, arXiv:1702.03118.
A linear model is one layer.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.artifact.checkpoint import CheckpointError
from models.table.learners.inputs import Inputs

WEIGHTS = "layers.npz"
# Points on the way from the mean row to the explained one; one layer needs a single point. With weights far larger than
# trained ones (standard deviation 1), the pushes summed to the margins within a millionth of these.
POINTS = 64
# Rows that are explained together: each takes POINTS times the memory of an answer.
TOGETHER = 256

# A matrix (inputs, outputs) and a bias (outputs,).
Layer = tuple[np.ndarray, np.ndarray]


class Layers:
    """Layers behind standardised inputs."""

    weights, backend, precision = WEIGHTS, "numpy", "fp64"

    def __init__(self, inputs: Inputs, layers: Sequence[Layer]) -> None:
        self.inputs = inputs
        self.layers = [(np.asarray(matrix, np.float64), np.asarray(bias, np.float64)) for matrix, bias in layers]

    @classmethod
    def load(cls, folder: Path) -> Layers:
        """The layers of a checkpoint folder. Raises CheckpointError."""
        try:
            with (folder / WEIGHTS).open("rb") as file, np.load(file, allow_pickle=False) as kept:
                arrays = dict(kept)
            layers = [(arrays[f"matrix{i}"], arrays[f"bias{i}"]) for i in range(int(arrays["layers"]))]
            return cls(Inputs(arrays["sizes"], arrays["mean"], arrays["std"]), layers)
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"{folder.name}: {WEIGHTS} does not hold layers.") from error

    def save(self, folder: Path) -> None:
        """Write the layers and what standardises their inputs into ``folder``."""
        arrays = {"sizes": self.inputs.sizes, "mean": self.inputs.mean, "std": self.inputs.std}
        for i, (matrix, bias) in enumerate(self.layers):
            arrays |= {f"matrix{i}": matrix, f"bias{i}": bias}
        np.savez(folder / WEIGHTS, layers=np.array(len(self.layers)), **arrays)

    @property
    def width(self) -> int:
        """The number of columns of a row."""
        return len(self.inputs.sizes)

    def margins(self, encoded: np.ndarray) -> np.ndarray:
        """What the last layer answers, (n, 1) or (n, classes)."""
        return self._forward(self.inputs(encoded))[0]

    def contributions(self, encoded: np.ndarray, types: list[str]) -> np.ndarray:  # noqa: ARG002 - learners' interface
        """Integrated gradients from the mean of the training rows: Sundararajan, Taly, Yan, arXiv:1703.01365.

        The integral is a Gauss-Legendre sum. For one layer it is exact: the coefficient times the standardised value.
        """
        rows = self.inputs(encoded)
        parts = [self._explained(rows[i : i + TOGETHER]) for i in range(0, len(rows), TOGETHER)]
        pushes = np.concatenate(parts) if parts else np.empty((0, self._outputs, self.width + 1))
        return pushes[:, 0] if self._outputs == 1 else pushes

    @property
    def _outputs(self) -> int:
        return len(self.layers[-1][1])

    def _explained(self, rows: np.ndarray) -> np.ndarray:
        """(n, outputs, columns + 1)."""
        points, shares = np.polynomial.legendre.leggauss(1 if len(self.layers) == 1 else POINTS)
        way = (points + 1) / 2  # from 0 to 1 instead of from -1 to 1
        between = (way[:, None, None] * rows).reshape(-1, rows.shape[1])
        _, slopes = self._forward(between)
        bias = self._forward(np.zeros((1, rows.shape[1])))[0][0]
        found = np.empty((len(rows), self._outputs, self.width + 1))
        for output in range(self._outputs):
            gradients = self._gradients(slopes, output, len(between)).reshape(len(points), *rows.shape)
            pushes = rows * np.tensordot(shares / 2, gradients, 1)
            found[:, output, :-1] = self.inputs.by_column(pushes)
            found[:, output, -1] = bias[output]
        return found

    def _forward(self, rows: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """The answers (n, outputs), and the slope of each activation on the way, (n, units)."""
        slopes = []
        for i, (matrix, bias) in enumerate(self.layers):
            rows = rows @ matrix + bias
            if i < len(self.layers) - 1:
                gate = 0.5 * (1 + np.tanh(rows / 2))  # the logistic function, without an overflow
                slopes.append(gate * (1 + rows * (1 - gate)))
                rows = rows * gate
        return rows, slopes

    def _gradients(self, slopes: list[np.ndarray], output: int, rows: int) -> np.ndarray:
        """Of one output by the inputs, (n, inputs)."""
        back = np.broadcast_to(self.layers[-1][0][:, output], (rows, len(self.layers[-1][0])))
        for (matrix, _), slope in zip(reversed(self.layers[:-1]), reversed(slopes), strict=True):
            back = (back * slope) @ matrix.T
        return back
