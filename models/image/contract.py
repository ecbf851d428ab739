"""The API of a version of the image family, from its metadata alone, without torch."""

from __future__ import annotations

from typing import Any

from models.artifact.checkpoint import Metadata
from models.tensors import Tensors, TensorSpec, labels_tensor
from settings import MAX_IMAGES

BINARY = {"type": "string", "format": "binary"}


def tensors(metadata: Metadata) -> Tensors:
    """Input and outputs in the Open Inference Protocol."""
    size = int(metadata.preprocessor["size"])
    return Tensors(
        TensorSpec("images", ("UINT8",), (-1, size, size, 3), MAX_IMAGES),
        (TensorSpec("probabilities", ("FP32",), (-1, len(metadata.labels))), labels_tensor()),
    )


def request_bodies(metadata: Metadata | None) -> dict[str, Any]:  # noqa: ARG001 - any picture, whatever the version
    """OpenAPI's request bodies of a prediction, by content type."""
    images = {"type": "array", "items": {"type": "string", "format": "byte"}, "minItems": 1, "maxItems": MAX_IMAGES}
    files = {"type": "array", "items": BINARY, "minItems": 1, "maxItems": MAX_IMAGES}
    return {
        "multipart/form-data": {"schema": _object({"file": files})},
        "image/*": {"schema": BINARY},
        "application/json": {"schema": _object({"images": images})},
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
