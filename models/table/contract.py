"""The API of a version of the table family, from its metadata alone, without XGBoost."""

from __future__ import annotations

import math
import re
from typing import Any

from models.artifact.checkpoint import Metadata
from models.specs import ModelSpec
from models.specs import Question as Kind
from models.table import features as of
from models.table.features import Feature, date_text
from models.tensors import Tensors, TensorSpec, labels_tensor
from settings import MAX_ROWS

JSON_TYPES = {"number": "number", "boolean": "boolean", "date": "string", "category": "string", "text": "string"}


def probability_field(labels: list[str]) -> str:
    """The API's field for the probability of the positive class, the first of ``labels``."""
    return "probability_" + re.sub(r"\W+", "_", labels[0])


def kind_of(metadata: Metadata) -> Kind:
    """What a version answers; those of earlier releases have two classes."""
    return metadata.decision.get("kind", "binary")


def takes_gaps(metadata: Metadata) -> bool:
    """Whether a version answers rows without some of the values; those of earlier releases do not."""
    return not metadata.config.get("complete_rows", True)


def describe(metadata: Metadata, spec: ModelSpec) -> list[dict[str, Any]]:
    """Kind, group, unit and preprocessing of each feature; what the version's training rows held, a form's step."""
    steps = metadata.preprocessor.get("steps", [])
    scaled = metadata.preprocessor.get("scaler", {})
    return [
        {
            "name": feature.name,
            "kind": feature.kind,
            "group": spec.column(feature.name).group,
            "group_title": spec.data.groups.get(spec.column(feature.name).group, ""),
            "unit": spec.column(feature.name).unit,
            **_range(feature),
            "categories": feature.categories if feature.kind == "category" else None,
            "preprocess": [step["step"] for step in steps if feature.name in step["columns"]]
            + ["standard"] * (feature.name in scaled),
            "missing": feature.missing,
        }
        for feature in of.of_version(metadata)
    ]


def _range(feature: Feature) -> dict[str, Any]:
    if feature.min is None or feature.max is None or feature.kind not in ("number", "date"):
        return dict.fromkeys(("min", "max", "median", "step"))
    if feature.kind == "date":
        return {"min": date_text(feature.min), "max": date_text(feature.max), "median": None, "step": None}
    step = 10.0 ** (math.floor(math.log10(max(feature.max - feature.min, 1e-9))) - 2)
    return {"min": feature.min, "max": feature.max, "median": feature.median, "step": step}


def tensors(metadata: Metadata) -> Tensors:
    """Input and outputs in the Open Inference Protocol; rows with other values than numbers are sent as text."""
    features = of.of_version(metadata)
    numbers = all(feature.kind == "number" for feature in features)
    rows = TensorSpec("rows", ("FP64", "FP32") if numbers else ("BYTES",), (-1, len(features)), MAX_ROWS)
    kind = kind_of(metadata)
    if kind == "regression":
        return Tensors(rows, (TensorSpec("value", ("FP64",), (-1,)),))
    if kind == "multiclass":
        return Tensors(rows, (TensorSpec("probabilities", ("FP64",), (-1, len(metadata.labels))), labels_tensor()))
    return Tensors(rows, (TensorSpec(probability_field(metadata.labels), ("FP64",), (-1,)), labels_tensor()))


def request_bodies(metadata: Metadata | None) -> dict[str, Any]:
    """OpenAPI's request body of a prediction: any object while there is no version."""
    features = of.of_version(metadata) if metadata else []
    gaps = metadata is not None and takes_gaps(metadata)
    row = {
        "type": "object",
        "properties": {feature.name: _property(feature, gaps) for feature in features},
        "required": [] if gaps else [feature.name for feature in features],
        "additionalProperties": not features,
    }
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
    return {"application/json": {"schema": {"oneOf": [row, rows]}}}


def _property(feature: Feature, gaps: bool) -> dict[str, Any]:
    """The JSON schema of a value. A category may be one that the version has not seen."""
    wanted = JSON_TYPES[feature.kind]
    described: dict[str, Any] = {"type": [wanted, "null"] if gaps else wanted}
    if feature.kind == "date":
        described["format"] = "date"
    if feature.categories:
        described["examples"] = feature.categories[:5]
    return described
