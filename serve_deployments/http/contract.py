"""The routes of the model applications, for ``/api/openapi.json``.

These applications read raw requests for speed, so FastAPI does not see their routes; these tables describe
them with the schemas of their replies.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from models import contract, specs
from models.artifact.checkpoint import Metadata
from models.specs import ModelSpec
from serve_deployments.predict.requests import ImageOptions, Options
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.predict import ImageCompareReply, ImageReply, row_replies

OPTIONS: dict[str, type[Options]] = {"image": ImageOptions, "table": Options}
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


def add_model_routes(document: dict[str, Any], champions: dict[str, Metadata | None]) -> dict[str, Any]:
    """``document`` (OpenAPI 3.1) with the routes of every model's application.

    ``champions`` has the metadata of the version that each model serves, None where there is none yet.
    """
    replies: list[type[BaseModel]] = [ErrorReply]
    for name, metadata in champions.items():
        spec = specs.get(name)
        answer, comparison = _replies(spec, metadata)
        replies += [answer, comparison]
        body = contract.request_bodies(spec.family, metadata)
        options = _options(OPTIONS[spec.family], metadata)
        document["paths"] |= {
            f"/{name}/predict": _post(f"Ask {name}", body, options, answer.__name__),
            f"/{name}/compare": _post("Champion's and challenger's answers", body, options, comparison.__name__),
        }
    for parameter in _parameters(document, "name", "model"):
        parameter["schema"]["examples"] = list(champions)
    _, definitions = models_json_schema([(reply, "serialization") for reply in replies], ref_template=REF)
    document.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
    return document


def _parameters(document: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    """The parameters of these names, of every operation."""
    operations = (operation for path in document["paths"].values() for operation in path.values())
    return [one for operation in operations for one in operation.get("parameters", []) if one["name"] in names]


def _replies(spec: ModelSpec, metadata: Metadata | None) -> tuple[type[BaseModel], type[BaseModel]]:
    """The shapes of an answer and of a comparison."""
    if spec.family == "image":
        return ImageReply, ImageCompareReply
    labels = metadata.labels if metadata else spec.data.classes
    return row_replies("".join(map(str.capitalize, spec.name.split("-"))), spec.data.kind, labels)


def _options(schema: type[Options], metadata: Metadata | None) -> list[dict[str, Any]]:
    """The query options; a version names at most as many classes as it has."""
    described = schema.model_json_schema()["properties"]
    if "top_k" in described and metadata:
        described["top_k"] |= {"maximum": len(metadata.labels)}
    return [{"name": name, "in": "query", "required": False, "schema": each} for name, each in described.items()]


def _post(summary: str, body: dict[str, Any], parameters: list[dict[str, Any]], reply: str) -> dict[str, Any]:
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
