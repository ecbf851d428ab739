"""The API of a version of the table family, from its metadata alone, without XGBoost."""

from __future__ import annotations

import math
import re
from typing import Any

from models.artifact.checkpoint import Metadata
from models.specs import ModelSpec
from models.tensors import Tensors, TensorSpec, labels_tensor
from settings import MAX_ROWS


def probability_field(labels: list[str]) -> str:
    """The API's field for the probability of the positive class, the first of ``labels``."""
    return "probability_" + re.sub(r"\W+", "_", labels[0])


def describe(metadata: Metadata, spec: ModelSpec) -> list[dict[str, Any]]:
    """Name, group and unit of each feature; range, median and a form's step over the version's training rows."""
    ranges = metadata.preprocessor["ranges"]
    return [
        {
            "name": name,
            "group": spec.column(name).group,
            "group_title": spec.data.groups.get(spec.column(name).group, ""),
            "unit": spec.column(name).unit,
            **{key: ranges[name][key] for key in ("min", "max", "median")},
            "step": 10.0 ** (math.floor(math.log10(max(ranges[name]["max"] - ranges[name]["min"], 1e-9))) - 2),
        }
        for name in metadata.config["features"]
    ]


def tensors(metadata: Metadata) -> Tensors:
    """Input and outputs in the Open Inference Protocol."""
    features = len(metadata.config["features"])
    return Tensors(
        TensorSpec("rows", ("FP64", "FP32"), (-1, features), MAX_ROWS),
        (TensorSpec(probability_field(metadata.labels), ("FP64",), (-1,)), labels_tensor()),
    )


def request_bodies(metadata: Metadata | None) -> dict[str, Any]:
    """OpenAPI's request body of a prediction: any object of numbers while there is no version."""
    features = metadata.config["features"] if metadata else []
    row = {
        "type": "object",
        "properties": {name: {"type": "number"} for name in features},
        "required": features,
        "additionalProperties": not features,
    }
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
    return {"application/json": {"schema": {"oneOf": [row, rows]}}}
