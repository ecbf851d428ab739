"""The API of a version of any family, from its metadata alone: no process needs the model for it."""

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
    """OpenAPI's request bodies of a prediction, by content type; ``metadata`` is None without a version."""
    return _of(family).request_bodies(metadata)


def _of(family: str) -> ModuleType:
    return import_module(f"models.{family}.contract")
