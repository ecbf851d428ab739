"""Shared by all peers: load the model that the environment names, on one torch thread, and build the reply."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from models import catalog
from settings import get_settings

CHECKPOINT = "PEER_CHECKPOINT"
SERVES = "serves"


def load_model() -> Any:
    """Load the model in PEER_CHECKPOINT with AIR_ENGINE and AIR_PRECISION; prints the backend it runs on."""
    folder = Path(os.environ[CHECKPOINT])
    if catalog.checkpoint.read_metadata(folder).model == "cifar10":
        import torch

        torch.set_num_threads(1)
    model = catalog.load_to_serve(folder, get_settings())
    # In one write, because the workers of a server share one log.
    os.write(1, f"{SERVES} {model.backend} {model.precision}\n".encode())
    return model


def image_reply(labels: list[str], probabilities: np.ndarray) -> dict[str, Any]:
    """The reply to one picture, of its probabilities (classes,)."""
    best = int(probabilities.argmax())
    return {"predictions": [{"label": labels[best], "probability": float(probabilities[best])}]}


def row_reply(labels: list[str], malignant: float) -> dict[str, Any]:
    """The reply to one row, of its probability of malignant."""
    return {"predictions": [{"label": labels[0 if malignant >= 0.5 else 1], "probability_malignant": float(malignant)}]}
