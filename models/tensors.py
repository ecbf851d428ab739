"""The input and output tensors of a model in the Open Inference Protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TensorSpec:
    """Name, datatypes (the first is preferred), shape (-1 is any length), and the maximum of that length."""

    name: str
    datatypes: tuple[str, ...]
    shape: tuple[int, ...]
    max_rows: int = 0

    def described(self) -> dict[str, Any]:
        """This tensor in the protocol's model metadata."""
        return {"name": self.name, "datatype": self.datatypes[0], "shape": list(self.shape)}


@dataclass(frozen=True)
class Tensors:
    """The input of a model, and its outputs: the result of ``predict``, then the labels where there are classes."""

    input: TensorSpec
    outputs: tuple[TensorSpec, ...]


def labels_tensor() -> TensorSpec:
    """The tensor of the predicted labels, as text."""
    return TensorSpec("labels", ("BYTES",), (-1,))
