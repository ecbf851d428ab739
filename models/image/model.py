"""A model of the image family: pixels in, a probability of each class out, loaded from a checkpoint folder."""

from __future__ import annotations

import io
import logging
import pickle
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from models.artifact import checkpoint
from models.image import backends
from models.image.networks import build
from models.pictures.decode import encode_base64_png
from settings import Settings

WEIGHTS = "weights.pt"
# A network holds tens of numbers for each pixel that it looks at.
PIXELS_AT_ONCE = 512_000
GOLDEN_ATOL = {"fp32": 1e-3, "bf16": 0.05}

log = logging.getLogger("ray.serve")


class ImageModel:
    """A network with its preprocessing and its calibrated decision rule.

    ``decision`` holds ``temperature`` (logits are divided by it) and ``unsure_below`` (an answer
    whose highest probability is lower is flagged unsure), both chosen on validation images.
    """

    def __init__(self, network: nn.Module, metadata: checkpoint.Metadata) -> None:
        self.network = network
        self.metadata = metadata
        self.labels = metadata.labels
        self.size = int(metadata.preprocessor["size"])
        self.temperature = float(metadata.decision["temperature"])
        self.unsure_below = float(metadata.decision["unsure_below"])
        self._backend: backends.Backend = backends.TorchBackend(network, metadata.preprocessor)

    @property
    def backend(self) -> str:
        """The engine of the backend: torch or openvino."""
        return self._backend.engine

    @property
    def precision(self) -> str:
        """The precision of the backend: fp32 or bf16."""
        return self._backend.precision

    @classmethod
    def load(cls, folder: Path) -> ImageModel:
        """The model of a checkpoint folder, in torch fp32; files and golden answers checked. Raises CheckpointError."""
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
        model._check(folder)
        return model

    @classmethod
    def load_to_serve(cls, folder: Path, settings: Settings) -> ImageModel:
        """``load``, then the backend of the settings, checked against the same golden answers.

        Raises CheckpointError; a backend whose answers differ is not used.
        """
        model = cls.load(folder)
        weights = checkpoint.sha256(folder / WEIGHTS)
        cached = settings.air_home / "cache" / f"{weights[:32]}-{version('openvino')}.xml"
        torch_backend = model._backend
        model._backend = backends.choose(
            model.network, model.metadata.preprocessor, model.size, settings.air_engine, settings.air_precision, cached
        )
        try:
            model._check(folder)
        except checkpoint.CheckpointError as error:
            log.warning("%s in %s does not give the golden answers: %s", model.backend, model.precision, error)
            model._backend = torch_backend
        return model

    def _check(self, folder: Path) -> None:
        checkpoint.check_golden(folder, self.predict, atol=GOLDEN_ATOL[self.precision])

    def save(self, folder: Path) -> None:
        """Write the weights into ``folder``. Raises OSError, unlike ``torch.save`` to a path."""
        weights = io.BytesIO()
        torch.save(self.network.state_dict(), weights)
        (folder / WEIGHTS).write_bytes(weights.getbuffer())

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Uncalibrated scores, float32 (n, classes), of uint8 (n, size, size, 3) images."""
        parts = [self._backend.logits(images[start:end]) for start, end in parts_of(images)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (n, classes), rows sum to 1, of uint8 (n, size, size, 3) images."""
        return softmax(self.logits(images) / self.temperature)

    def from_tensor(self, given: np.ndarray) -> np.ndarray:
        """Images of the Open Inference Protocol, which are what ``predict`` takes."""
        return given

    def decide(self, answers: np.ndarray) -> list[str]:
        """The label of each of (n, classes) probabilities: the most probable class."""
        return [self.labels[i] for i in answers.argmax(1)]

    def distribution(self, answers: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes) from the result of ``predict``: the same array."""
        return answers

    def encode(
        self, images: np.ndarray, answers: np.ndarray, top_k: int = 1, view: bool = False
    ) -> list[dict[str, Any]]:
        """Predictions in the form of the API, from probabilities (n, classes) of images (n, size, size, 3)."""
        predictions = []
        for i, row in enumerate(answers.tolist()):
            best = sorted(zip(row, self.labels, strict=True), key=itemgetter(0), reverse=True)[:top_k]
            top = [{"label": label, "probability": probability} for probability, label in best]
            prediction: dict[str, Any] = {**top[0], "unsure": top[0]["probability"] < self.unsure_below, "top_k": top}
            if view:
                prediction["seen"] = encode_base64_png(images[i])
            predictions.append(prediction)
        return predictions


def parts_of(images: np.ndarray) -> list[tuple[int, int]]:
    """Where the parts of images (n, size, size, 3) begin and end that a network looks at at once: memory is bounded."""
    count = max(1, PIXELS_AT_ONCE // (images.shape[1] * images.shape[2]))
    return [(start, min(start + count, len(images))) for start in range(0, max(1, len(images)), count)]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Row-wise probabilities of (n, classes) scores."""
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    return exponents / exponents.sum(1, keepdims=True)
