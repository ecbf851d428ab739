"""The Open Inference Protocol."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from serve_deployments.schemas.base import Reply


class ProtocolServer(Reply):
    """``GET /v2``."""

    name: str
    version: str
    extensions: list[str]


class ProtocolLive(Reply):
    """``GET /v2/health/live``."""

    live: bool


class ProtocolReady(Reply):
    """``GET /v2/health/ready``."""

    ready: bool


class ProtocolModelReady(Reply):
    """``GET /v2/models/{name}/ready``."""

    name: str
    ready: bool


class ProtocolTensor(Reply):
    """Name, datatype and shape of a tensor; -1 is any length."""

    name: str
    datatype: str
    shape: list[int]


class ProtocolModel(Reply):
    """``GET /v2/models/{name}``."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[ProtocolTensor]
    outputs: list[ProtocolTensor]


class InferInput(BaseModel):
    """The one input tensor; ``data`` is flat or nested, or ``binary_data_size`` bytes follow the JSON."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] = []


class InferRequest(BaseModel):
    """``POST /v2/models/{name}/infer``."""

    id: str = ""
    inputs: list[dict[str, Any]] = Field(
        min_length=1, max_length=1, json_schema_extra={"items": InferInput.model_json_schema()}
    )


class InferOutput(BaseModel):
    """An output tensor, flat."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] = []


class InferReply(BaseModel):
    """The outputs, and the version that answered."""

    model_name: str
    model_version: str
    id: str = ""
    outputs: list[InferOutput]


class ProtocolError(Reply):
    """Errors of the Open Inference Protocol."""

    error: str
    request_id: str
