"""The preprocessing of pixels between decoding and the network; training and serving both call it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def normalise(images: Tensor, preprocessor: dict[str, Any]) -> Tensor:
    """uint8 (n, h, w, 3) → float32 (n, 3, h, w), channels last in memory, zero mean and unit variance.

    ``preprocessor`` holds ``mean`` and ``std`` per channel in 0..1, fitted on training images.
    """
    mean = torch.tensor(preprocessor["mean"], dtype=torch.float32, device=images.device) * 255
    std = torch.tensor(preprocessor["std"], dtype=torch.float32, device=images.device) * 255
    return ((images.float() - mean) / std).permute(0, 3, 1, 2)


def fit_preprocessor(images: np.ndarray) -> dict[str, Any]:
    """Channel means and deviations (0..1) of uint8 (n, h, w, 3) training images."""
    pixels = images.reshape(-1, 3)
    return {
        "size": images.shape[1],
        "mean": [float(value) for value in pixels.mean(0, dtype=np.float64) / 255],
        "std": [float(value) for value in pixels.std(0, dtype=np.float64) / 255],
    }
