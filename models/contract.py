"""What the API takes and gives for a version, whatever its family; from its metadata, so any process may ask."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from models.artifact.checkpoint import Metadata
from models.specs import Family
from models.tensors import Tensors


def tensors(metadata: Metadata) -> Tensors:
    """Input and outputs of a version in the Open Inference Protocol."""
    return _of(metadata.family).tensors(metadata)


def request_bodies(family: Family, metadata: Metadata | None) -> dict[str, Any]:
    """The body of a prediction for each content type, as OpenAPI has them; ``metadata`` is None without a version."""
    return _of(family).request_bodies(metadata)


def _of(family: str) -> ModuleType:
    return import_module(f"models.{family}.contract")
