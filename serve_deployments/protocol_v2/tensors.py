"""Tensors of the Open Inference Protocol to and from numpy, as JSON or as bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np

from models.tensors import TensorSpec
from serve_deployments.http.errors import BadRequest, TooLarge
from settings import FINITE, LARGEST_NUMBER

DTYPES = {"UINT8": np.dtype("u1"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8")}


def read_input(content: dict[str, Any], binary: bytes, spec: TensorSpec) -> np.ndarray:
    """The request's one input tensor, in the preferred datatype of ``spec``. Raises BadRequest, TooLarge."""
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise BadRequest(f"'inputs' must be a list with one tensor, {spec.name!r}.")
    tensor = inputs[0]
    if tensor.get("name") != spec.name:
        raise BadRequest(f"There is no input {str(tensor.get('name'))[:80]!r}; the input is {spec.name!r}.")
    datatype = tensor.get("datatype")
    if datatype not in spec.datatypes:
        raise BadRequest(f"Input {spec.name!r} must have datatype {' or '.join(spec.datatypes)}.")
    shape = _shape(tensor.get("shape"), spec)
    size = parameters_of(tensor, f"input {spec.name!r}").get("binary_data_size")
    if (size is None) == (tensor.get("data") is None):
        raise BadRequest(f"Input {spec.name!r} must have either 'data' or the parameter 'binary_data_size'.")
    if binary and size is None:
        raise BadRequest(f"There are {len(binary)} bytes behind the JSON, and no 'binary_data_size' takes them.")
    if datatype == "BYTES":
        texts = _texts_of_json(tensor["data"], shape, spec) if size is None else _texts(binary, size, shape, spec)
        return np.array(texts, dtype=object).reshape(shape)
    if size is not None:
        values = _from_bytes(binary, size, shape, DTYPES[datatype], spec)
    else:
        values = _from_json(tensor["data"], shape, datatype, spec)
    if not (np.abs(values, dtype=np.float64) <= LARGEST_NUMBER).all():
        raise BadRequest(f"Every value of input {spec.name!r} must be {FINITE}.")
    return values.astype(DTYPES[datatype]).astype(DTYPES[spec.datatypes[0]], copy=False)


def parameters_of(owner: dict[str, Any], what: str) -> dict[str, Any]:
    """The parameters of a request, an input or an output. Raises BadRequest."""
    parameters = owner.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise BadRequest(f"The 'parameters' of {what} must be an object.")
    return parameters or {}


def _shape(shape: Any, spec: TensorSpec) -> tuple[int, ...]:
    fits = (
        isinstance(shape, list)
        and len(shape) == len(spec.shape)
        and all(type(n) is int for n in shape)
        and all(wanted in (-1, n) for n, wanted in zip(shape, spec.shape, strict=True))
        and shape[0] >= 1
    )
    if not fits:
        raise BadRequest(f"Input {spec.name!r} must have shape {list(spec.shape)}, where -1 is 1 to {spec.max_rows:,}.")
    if shape[0] > spec.max_rows:
        raise TooLarge(f"Input {spec.name!r} has {shape[0]} items; send 1 to {spec.max_rows:,}.")
    return tuple(shape)


def _from_bytes(binary: bytes, size: Any, shape: tuple[int, ...], dtype: np.dtype, spec: TensorSpec) -> np.ndarray:
    expected = math.prod(shape) * dtype.itemsize
    if type(size) is not int or size != expected or len(binary) != expected:
        raise BadRequest(f"Input {spec.name!r} of shape {list(shape)} takes {expected} bytes behind the JSON.")
    return np.frombuffer(binary, dtype).reshape(shape)


def _texts(binary: bytes, size: Any, shape: tuple[int, ...], spec: TensorSpec) -> list[str]:
    """BYTES elements, each behind its length in four bytes."""
    texts, at = [], 0
    if type(size) is int and size == len(binary):
        while len(texts) < math.prod(shape) and at + 4 <= len(binary):
            (length,) = struct.unpack_from("<I", binary, at)
            part = binary[at + 4 : at + 4 + length]
            at += 4 + length
            with suppress(UnicodeDecodeError):
                texts.append(part.decode())
    if len(texts) != math.prod(shape) or at != len(binary):
        raise BadRequest(
            f"Input {spec.name!r} must have {math.prod(shape)} texts in UTF-8 behind the JSON, each after its length "
            "in four bytes, and 'binary_data_size' must be their bytes."
        )
    return texts


def _texts_of_json(data: Any, shape: tuple[int, ...], spec: TensorSpec) -> list[str]:
    texts = data if _is_flat(data, shape) else _unnested(data, shape)
    if texts is None or not all(isinstance(text, str) for text in texts):
        raise BadRequest(
            f"The data of {spec.name!r} must be {math.prod(shape)} texts, flat or nested exactly as shape "
            f"{list(shape)} says; write a number as text, and a missing value as an empty one."
        )
    return texts


def _from_json(data: Any, shape: tuple[int, ...], datatype: str, spec: TensorSpec) -> np.ndarray:
    """float64 of ``shape``, from a flat list or one nested according to the shape."""
    numbers = data if _is_flat(data, shape) else _unnested(data, shape)
    if numbers is None:
        raise BadRequest(
            f"The data of {spec.name!r} must be flat, {math.prod(shape)} numbers, or nested exactly as shape "
            f"{list(shape)} says; nothing is reshaped."
        )
    kinds = set(map(type, numbers))
    if not kinds <= {int, float}:
        raise BadRequest(f"The data of {spec.name!r} must be {math.prod(shape)} numbers.")
    try:
        values = np.array(numbers, dtype=np.float64)
    except OverflowError:  # an integer too large for a float
        values = np.full(len(numbers), np.inf)
    if datatype == "UINT8" and (float in kinds or values.min() < 0 or values.max() > 255):
        raise BadRequest(f"The data of {spec.name!r} must be whole numbers from 0 to 255.")
    return values.reshape(shape)


def _is_flat(data: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(data, list) and len(data) == math.prod(shape) and not any(isinstance(one, list) for one in data)


def _unnested(data: Any, shape: tuple[int, ...]) -> list[Any] | None:
    """The innermost values of nested lists; None when their lengths and depth differ from ``shape``."""
    level = [data]
    for length in shape:
        if not all(isinstance(one, list) and len(one) == length for one in level):
            return None
        level = list(chain.from_iterable(level))
    return level


def wanted_outputs(content: dict[str, Any], specs: Sequence[TensorSpec]) -> dict[str, bool]:
    """The name of each output to send, and whether as bytes. Raises BadRequest for an unknown name."""
    as_bytes = _flag(parameters_of(content, "the request"), "binary_data_output", default=False)
    listed = content.get("outputs")
    if listed is None or listed == []:
        return {spec.name: as_bytes for spec in specs}
    names = [spec.name for spec in specs]
    wanted = {}
    for output in listed if isinstance(listed, list) else [listed]:
        if not isinstance(listed, list) or not isinstance(output, dict):
            raise BadRequest(f'\'outputs\' must be a list of objects, such as [{{"name": "{names[-1]}"}}].')
        name = output.get("name")
        if name not in names:
            raise BadRequest(f"There is no output {str(name)[:80]!r}; there are {', '.join(names)}.")
        wanted[name] = _flag(parameters_of(output, f"output {name!r}"), "binary_data", as_bytes)
    return wanted


def _flag(parameters: dict[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise BadRequest(f"The parameter {name!r} must be true or false.")
    return value


def write_outputs(
    values: dict[str, np.ndarray], wanted: dict[str, bool], specs: Sequence[TensorSpec]
) -> tuple[list[dict[str, Any]], bytes]:
    """The outputs in the protocol's form, and the bytes that follow the JSON."""
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
