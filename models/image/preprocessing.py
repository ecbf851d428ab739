"""The preprocessing of pixels between decoding and the network; training and serving both call it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

AT_ONCE = 1_000
SMALLEST_STD = 0.05


def normalise(images: Tensor, preprocessor: dict[str, Any]) -> Tensor:
    """uint8 (n, h, w, 3) → float32 (n, 3, h, w), channels last in memory, zero mean and unit variance.

    ``preprocessor`` holds ``mean`` and ``std`` per channel in 0..1, fitted on training images.
    """
    mean = torch.tensor(preprocessor["mean"], dtype=torch.float32, device=images.device) * 255
    std = torch.tensor(preprocessor["std"], dtype=torch.float32, device=images.device) * 255
    return ((images.float() - mean) / std).permute(0, 3, 1, 2)


def fit_preprocessor(images: np.ndarray) -> dict[str, Any]:
    """Channel means and deviations (0..1) of uint8 (n, h, w, 3) training images."""
    counts = np.zeros((3, 256), dtype=np.int64)
    for start in range(0, len(images), AT_ONCE):
        pixels = images[start : start + AT_ONCE].reshape(-1, 3)
        counts += [np.bincount(pixels[:, channel], minlength=256) for channel in range(3)]
    shares, values = counts / counts.sum(1, keepdims=True), np.arange(256) / 255
    means = shares @ values
    deviations = np.sqrt(np.maximum(0, shares @ values**2 - means**2))
    return {
        "size": images.shape[1],
        "mean": means.tolist(),
        # A channel that is the same in all pictures would be divided by nothing.
        "std": np.maximum(deviations, SMALLEST_STD).tolist(),
    }
