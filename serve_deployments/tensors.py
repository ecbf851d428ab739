"""Tensors of the Open Inference Protocol to and from numpy, as JSON or as bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_deployments.errors import BadRequest, Invalid, TooLarge
from settings import LARGEST_NUMBER

DTYPES = {"UINT8": np.dtype("u1"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8")}


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


def read_input(content: dict[str, Any], binary: bytes, spec: TensorSpec) -> np.ndarray:
    """The request's one input tensor, in the preferred datatype of ``spec``. Raises ApiError."""
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise Invalid(f"'inputs' must be a list with one tensor, {spec.name!r}.")
    tensor = inputs[0]
    if tensor.get("name") != spec.name:
        raise Invalid(f"There is no input {str(tensor.get('name'))[:80]!r}; the input is {spec.name!r}.")
    datatype = tensor.get("datatype")
    if datatype not in spec.datatypes:
        raise Invalid(f"Input {spec.name!r} must have datatype {' or '.join(spec.datatypes)}.")
    shape = _shape(tensor.get("shape"), spec)
    parameters = tensor.get("parameters") or {}
    if isinstance(parameters, dict) and "binary_data_size" in parameters:
        values = _from_bytes(binary, parameters["binary_data_size"], shape, DTYPES[datatype], spec)
    else:
        values = _from_json(tensor.get("data"), shape, datatype, spec)
    if not np.isfinite(values).all() or np.abs(values, dtype=np.float64).max() > LARGEST_NUMBER:
        raise Invalid(f"Input {spec.name!r} must hold finite numbers of ordinary size.")
    return values.astype(DTYPES[spec.datatypes[0]], copy=False)


def _shape(shape: Any, spec: TensorSpec) -> tuple[int, ...]:
    fits = (
        isinstance(shape, list)
        and len(shape) == len(spec.shape)
        and all(isinstance(n, int) and not isinstance(n, bool) for n in shape)
        and all(wanted in (-1, n) for n, wanted in zip(shape, spec.shape, strict=True))
        and shape[0] >= 1
    )
    if not fits:
        raise Invalid(f"Input {spec.name!r} must have shape {list(spec.shape)}, where -1 is 1 to {spec.max_rows:,}.")
    if shape[0] > spec.max_rows:
        raise TooLarge(f"Input {spec.name!r} has {shape[0]} items; send 1 to {spec.max_rows:,}.")
    return tuple(shape)


def _from_bytes(binary: bytes, size: Any, shape: tuple[int, ...], dtype: np.dtype, spec: TensorSpec) -> np.ndarray:
    expected = int(np.prod(shape)) * dtype.itemsize
    if size != expected or len(binary) != expected:
        raise BadRequest(f"Input {spec.name!r} of shape {list(shape)} takes {expected} bytes behind the JSON.")
    return np.frombuffer(binary, dtype).reshape(shape)


def _from_json(data: Any, shape: tuple[int, ...], datatype: str, spec: TensorSpec) -> np.ndarray:
    try:
        values = np.asarray(data)
    except ValueError:
        values = np.empty(0, dtype=object)
    if values.dtype.kind not in "iuf" or values.size != int(np.prod(shape)):
        raise Invalid(f"The data of {spec.name!r} must be {int(np.prod(shape))} numbers, for shape {list(shape)}.")
    if datatype == "UINT8" and (values.dtype.kind == "f" or values.min() < 0 or values.max() > 255):
        raise Invalid(f"The data of {spec.name!r} must be whole numbers from 0 to 255.")
    return values.reshape(shape).astype(DTYPES[datatype])


def label_array(labels: list[str], answers: np.ndarray) -> np.ndarray:
    """The label of each answer: of the best of (n, classes) probabilities, or of (n,) by one half."""
    chosen = answers.argmax(1) if answers.ndim == 2 else (answers < 0.5).astype(int)
    return np.array(labels, dtype=object)[chosen]


def wanted_outputs(content: dict[str, Any], specs: list[TensorSpec]) -> dict[str, bool]:
    """Name of each output to send, and whether as bytes. Raises Invalid for one that there is not."""
    parameters = content.get("parameters") or {}
    as_bytes = isinstance(parameters, dict) and parameters.get("binary_data_output") is True
    listed = content.get("outputs")
    if not listed:
        return {spec.name: as_bytes for spec in specs}
    names = [spec.name for spec in specs]
    wanted = {}
    for output in listed if isinstance(listed, list) else [listed]:
        name = output.get("name") if isinstance(output, dict) else output
        if not isinstance(name, str) or name not in names:
            raise Invalid(f"There is no output {str(name)[:80]!r}; there are {', '.join(names)}.")
        own = output.get("parameters") or {}
        wanted[name] = own.get("binary_data", as_bytes) is True if isinstance(own, dict) else as_bytes
    return wanted


def write_outputs(
    values: dict[str, np.ndarray], wanted: dict[str, bool], specs: list[TensorSpec]
) -> tuple[list[dict[str, Any]], bytes]:
    """Outputs as the protocol has them, and the bytes that follow the JSON."""
    described, parts = [], []
    for spec in specs:
        if spec.name not in wanted:
            continue
        array, datatype = values[spec.name], spec.datatypes[0]
        output: dict[str, Any] = {"name": spec.name, "datatype": datatype, "shape": list(array.shape)}
        if wanted[spec.name]:
            part = _bytes_of(array) if datatype == "BYTES" else array.astype(DTYPES[datatype]).tobytes()
            output["parameters"] = {"binary_data_size": len(part)}
            parts.append(part)
        else:
            output["data"] = array.reshape(-1).tolist()
        described.append(output)
    return described, b"".join(parts)


def _bytes_of(texts: np.ndarray) -> bytes:
    """BYTES elements: the length in four bytes, little-endian, then the UTF-8 text."""
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)
