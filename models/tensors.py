"""A tensor that a model takes or gives, as the Open Inference Protocol describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TensorSpec:
    """Name, datatypes (the first is preferred), shape (-1 is any length), and how long that may be."""

    name: str
    datatypes: tuple[str, ...]
    shape: tuple[int, ...]
    max_rows: int = 0

    def described(self) -> dict[str, Any]:
        """As the protocol's model metadata has it."""
        return {"name": self.name, "datatype": self.datatypes[0], "shape": list(self.shape)}


@dataclass(frozen=True)
class Tensors:
    """The one input of a model; its outputs: what ``predict`` gives, then the labels."""

    input: TensorSpec
    outputs: tuple[TensorSpec, TensorSpec]


def labels_tensor() -> TensorSpec:
    """The label of each answer, as text."""
    return TensorSpec("labels", ("BYTES",), (-1,))
