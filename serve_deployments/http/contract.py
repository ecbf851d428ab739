"""The routes of the model applications, for ``/api/openapi.json``.

These applications read raw requests for speed, so FastAPI does not see their routes; these tables describe
them with the schemas of their replies.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serve_deployments.predict.requests import ImageOptions, Options
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.predict import ImageCompareReply, ImageReply, RowCompareReply, RowReply
from settings import MAX_IMAGES, MAX_ROWS

REF = "#/components/schemas/{model}"
STATUSES = {
    "400": "the body or query cannot be read",
    "403": "this client has no access",
    "404": "no such version",
    "408": "the body did not arrive in time",
    "409": "the requested version is damaged",
    "413": "too many bytes or pixels",
    "415": "an unsupported content type",
    "422": "a value is wrong; the message names it",
    "503": "the queue is full or a part is starting; see Retry-After",
}
REPLIES: list[type[BaseModel]] = [
    ImageReply,
    ImageCompareReply,
    RowReply,
    RowCompareReply,
    ErrorReply,
]
BINARY = {"type": "string", "format": "binary"}


def add_model_routes(document: dict[str, Any], features: list[str]) -> dict[str, Any]:
    """``document`` (OpenAPI 3.1) with the routes of both model applications."""
    _, definitions = models_json_schema([(reply, "serialization") for reply in REPLIES], ref_template=REF)
    document.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
    row = {
        "type": "object",
        "properties": {name: {"type": "number"} for name in features},
        "required": features,
        "additionalProperties": False,
    }
    images = {"type": "array", "items": {"type": "string", "format": "byte"}, "minItems": 1, "maxItems": MAX_IMAGES}
    files = {"type": "array", "items": BINARY, "minItems": 1, "maxItems": MAX_IMAGES}
    image_body = {
        "multipart/form-data": {"schema": _object({"file": files})},
        "image/*": {"schema": BINARY},
        "application/json": {"schema": _object({"images": images})},
    }
    row_body = {
        "application/json": {
            "schema": {"oneOf": [row, {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}]}
        }
    }
    document["paths"] |= {
        "/cifar10/predict": _post("Classify images", image_body, ImageOptions, "ImageReply"),
        "/cifar10/compare": _post("Champion's and challenger's answers", image_body, ImageOptions, "ImageCompareReply"),
        "/breast-cancer/predict": _post("Classify rows", row_body, Options, "RowReply"),
        "/breast-cancer/compare": _post("Champion's and challenger's answers", row_body, Options, "RowCompareReply"),
    }
    return document


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _post(summary: str, body: dict[str, Any], options: type[Options], reply: str) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in options.model_json_schema()["properties"].items()
    ]
    errors = {
        status: {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": REF.format(model="ErrorReply")}}},
        }
        for status, text in STATUSES.items()
    }
    answer = {
        "description": "answers in the order of the inputs",
        "content": {"application/json": {"schema": {"$ref": REF.format(model=reply)}}},
    }
    return {
        "post": {
            "tags": ["predict"],
            "summary": summary,
            "parameters": parameters,
            "requestBody": {"required": True, "content": body},
            "responses": {"200": answer, **errors},
        }
    }
