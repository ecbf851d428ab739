"""The image model: pixels in, probabilities of ten classes out, loaded from a checkpoint folder."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models import checkpoint
from models.networks import build

NAME = "cifar10"
WEIGHTS = "weights.pt"
GOLDEN_ATOL = 1e-3


def normalise(images: Tensor, preprocessor: dict[str, Any]) -> Tensor:
    """uint8 (n, h, w, 3) → float32 (n, 3, h, w), channels last in memory, zero mean and unit variance.

    ``preprocessor`` holds ``mean`` and ``std`` per channel in 0..1, fitted on training images.
    """
    mean = torch.tensor(preprocessor["mean"], dtype=torch.float32) * 255
    std = torch.tensor(preprocessor["std"], dtype=torch.float32) * 255
    return ((images.float() - mean) / std).permute(0, 3, 1, 2)


def fit_preprocessor(images: np.ndarray) -> dict[str, Any]:
    """Channel means and deviations (0..1) of uint8 (n, h, w, 3) training images."""
    pixels = images.reshape(-1, 3)
    return {
        "size": images.shape[1],
        "mean": [float(value) for value in pixels.mean(0, dtype=np.float64) / 255],
        "std": [float(value) for value in pixels.std(0, dtype=np.float64) / 255],
    }


class Cifar10Model:
    """A network with its preprocessing and its calibrated decision rule.

    ``decision`` holds ``temperature`` (logits are divided by it) and ``unsure_below`` (an answer
    whose best probability is lower is flagged unsure), both chosen on validation images.
    """

    backend, precision = "torch", "fp32"

    def __init__(self, network: nn.Module, metadata: checkpoint.Metadata) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.metadata = metadata
        self.labels = metadata.labels
        self.size = int(metadata.preprocessor["size"])
        self.temperature = float(metadata.decision["temperature"])
        self.unsure_below = float(metadata.decision["unsure_below"])

    @classmethod
    def load(cls, folder: Path) -> Cifar10Model:
        """The model of a checkpoint folder, files and golden answers checked. Raises CheckpointError."""
        metadata = checkpoint.verify(folder)
        network = build(metadata.config)
        try:
            state = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
            network.load_state_dict(state)
        except (RuntimeError, OSError, EOFError, pickle.UnpicklingError) as error:
            raise checkpoint.CheckpointError(
                f"{folder.name}: {WEIGHTS} does not fit the network of its metadata."
            ) from error
        model = cls(network, metadata)
        checkpoint.check_golden(folder, model.predict, atol=GOLDEN_ATOL)
        return model

    def save(self, folder: Path) -> None:
        """Write the weights into ``folder``."""
        torch.save(self.network.state_dict(), folder / WEIGHTS)

    @torch.inference_mode()
    def logits(self, images: np.ndarray) -> np.ndarray:
        """Uncalibrated scores, float32 (n, classes), of uint8 (n, size, size, 3) images."""
        # Arrays out of Ray's object store and out of Pillow are read-only, which torch does not take.
        writable = torch.from_numpy(np.require(images, requirements="W"))
        return self.network(normalise(writable, self.metadata.preprocessor)).float().numpy()

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (n, classes), rows sum to 1, of uint8 (n, size, size, 3) images."""
        return softmax(self.logits(images) / self.temperature)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Row-wise probabilities of (n, classes) scores."""
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    return exponents / exponents.sum(1, keepdims=True)
