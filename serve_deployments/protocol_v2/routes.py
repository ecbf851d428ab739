"""The Open Inference Protocol, version 2 (KServe, Triton): tensors in, tensors out, for every model.

https://github.com/kserve/open-inference-protocol; tensors as JSON or, by the binary tensor data
extension, as bytes behind the JSON. The champion answers. Errors have the protocol's form,
``{"error": "<sentence>"}``.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import orjson
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from models.tensors import Tensors
from serve_deployments.http.errors import PROTOCOL, BadRequest, NotFound, Unavailable, json_response
from serve_deployments.parts.services import AllReplicas
from serve_deployments.predict.requests import read_body, read_json
from serve_deployments.protocol_v2 import tensors
from serve_deployments.schemas.protocol import (
    InferReply,
    InferRequest,
    ProtocolError,
    ProtocolLive,
    ProtocolModel,
    ProtocolModelReady,
    ProtocolReady,
    ProtocolServer,
    ProtocolTensor,
)
from serve_deployments.versions import replicas

HEADER_LENGTH = "Inference-Header-Content-Length"
NAME = Path(description="a model")
VERSION = Path(max_length=64, description="the version that is served")

INFER_DOCUMENTED: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": InferRequest.model_json_schema()},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        }
    },
    "responses": {
        200: {"model": InferReply, "content": {"application/octet-stream": {}}},
    },
}
ERRORS = {status: {"model": ProtocolError} for status in (400, 403, 404, 405, 408, 413, 415, 422, 500, 503)}
router = APIRouter(prefix=PROTOCOL, tags=["Open Inference Protocol"], responses=ERRORS)


@router.get("")
async def server() -> ProtocolServer:
    """Name, version and extensions of this server."""
    return ProtocolServer(name="air-studio", version="1", extensions=["binary_tensor_data"])


@router.get("/health/live")
async def live() -> ProtocolLive:
    """The server is alive."""
    return ProtocolLive(live=True)


@router.get("/health/ready", response_model=ProtocolReady, responses={503: {"model": ProtocolReady}})
async def ready(all_replicas: AllReplicas) -> Response:
    """200 when all models answer but those that were just added, else 503."""
    all_ready, _ = await replicas.states(all_replicas)
    return json_response({"ready": all_ready}, 200 if all_ready else 503)


@router.get("/models/{name}")
@router.get("/models/{name}/versions/{version}")
async def metadata(all_replicas: AllReplicas, name: str = NAME, version: str | None = None) -> ProtocolModel:
    """Inputs and outputs of a model."""
    served, tensors_of = await _served(all_replicas, name, version), await _tensors(all_replicas, name)
    return ProtocolModel(
        name=name,
        versions=[served["version"]],
        platform=f"{served['backend']}_{served['precision']}",
        inputs=[ProtocolTensor(**tensors_of.input.described())],
        outputs=[ProtocolTensor(**spec.described()) for spec in tensors_of.outputs],
    )


@router.get("/models/{name}/ready")
@router.get("/models/{name}/versions/{version}/ready")
async def model_ready(all_replicas: AllReplicas, name: str = NAME, version: str | None = None) -> ProtocolModelReady:
    """200 when the model answers and serves the requested version."""
    await _served(all_replicas, name, version)
    return ProtocolModelReady(name=name, ready=True)


@router.post("/models/{name}/infer", **INFER_DOCUMENTED)
@router.post("/models/{name}/versions/{version}/infer", **INFER_DOCUMENTED)
async def infer(request: Request, all_replicas: AllReplicas, name: str = NAME, version: str | None = None) -> Response:
    """The champion's answers to one input tensor; see the model's metadata for its name and shape."""
    replicas.known(name)
    body = await read_body(request)
    split = _header_length(request, len(body))
    content = read_json(body[:split])
    if not isinstance(content, dict):
        raise BadRequest("The body must be a JSON object with 'inputs'.")
    if not isinstance(content.get("id"), str | None):
        raise BadRequest("'id' must be text.")
    known = await _tensors(all_replicas, name)
    wanted = tensors.wanted_outputs(content, known.outputs)
    inputs = tensors.read_input(content, body[split:], known.input)
    answered, labels, answers = await all_replicas.ask_one(name, "infer", inputs, version)
    given = (answers, np.array(labels, dtype=object))
    outputs = {spec.name: values for spec, values in zip(known.outputs, given, strict=False)}
    described, binary = tensors.write_outputs(outputs, wanted, known.outputs)
    reply: dict[str, Any] = {"model_name": name, "model_version": answered, "outputs": described}
    if content.get("id") is not None:
        reply["id"] = content["id"]
    if not binary:
        return json_response(reply)
    header = orjson.dumps(reply)
    return Response(header + binary, headers={HEADER_LENGTH: str(len(header))}, media_type="application/octet-stream")


async def _served(all_replicas: AllReplicas, name: str, version: str | None) -> dict[str, str]:
    """The version that a replica of the model serves. Raises NotFound, Unavailable."""
    replicas.known(name)
    try:
        served = (await all_replicas.ask_all(name, "serving"))[0]
    except Exception as error:
        raise Unavailable(f"{name} is not responding; try again.") from error
    if version not in (None, served["version"]):
        raise NotFound(f"Version {version[:64]!r} of {name} is not served; version {served['version']} is.")
    return served


async def _tensors(all_replicas: AllReplicas, name: str) -> Tensors:
    """Input and outputs of the version that is served. Raises NotFound, Unavailable."""
    return await all_replicas.ask_one(replicas.known(name), "tensors")


def _header_length(request: Request, total: int) -> int:
    """The length of the JSON in bytes; binary tensors follow it. Raises BadRequest."""
    given = request.headers.get(HEADER_LENGTH)
    if given is None:
        return total
    # isdigit() accepts digits of other scripts, and int() refuses thousands of digits.
    if not re.fullmatch(r"[0-9]{1,10}", given) or int(given) > total:
        raise BadRequest(f"{HEADER_LENGTH} must be the JSON's length in bytes, at most the body's {total}.")
    return int(given)
