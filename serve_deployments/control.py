"""The control API: versions, evaluations, examples, health and the documentation of all routes.

    serve run serve_deployments.control:app --route-prefix /api

It answers from the registry, the checkpoint folders and the replicas themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from fastapi import Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from ray import serve
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from models import checkpoint
from models.images import encode_base64_png
from models.registry import CHAMPION, RegisteredVersion, UnknownVersion
from serve_deployments import contract, schemas
from serve_deployments.access import HostGuard
from serve_deployments.errors import (
    ApiError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    error_response,
    request_id_of,
)
from serve_deployments.model_app import REPLICA_CPUS
from serve_deployments.registry_actor import registry_actor
from settings import MODEL_NAMES, get_settings
from training.datasets import breast_cancer as table_data
from training.errors import DataError

log = logging.getLogger("ray.serve")
MAX_EXAMPLES = 60
ASK_REPLICAS_S = 3.0
ERRORS = {status: {"model": schemas.ErrorReply} for status in (403, 404, 405, 422, 500)}
NAME = Path(description="cifar10 or breast-cancer", examples=["cifar10"])

api = FastAPIOffline(
    title="AIR Studio",
    description="Predict with both models, and look after their versions.",
    version="1",
    responses=ERRORS,
)
api.add_middleware(HostGuard)


@api.exception_handler(ApiError)
@api.exception_handler(Exception)
async def _on_error(request: Request, error: Exception) -> Response:
    return error_response(error, request_id_of(request.headers))


@api.exception_handler(RequestValidationError)
async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return await _on_error(request, Invalid(f"{where}: {first['msg']}, got {str(first.get('input'))[:80]!r}."))


@api.exception_handler(HTTPException)
async def _on_http(request: Request, error: HTTPException) -> Response:
    path = request.url.path[:200]
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return await _on_error(request, MethodNotAllowed(f"{path} takes {allowed}, not {request.method[:20]}."))
    return await _on_error(request, NotFound(f"There is no route {path}; see /api/docs."))


@api.get("/healthz", tags=["health"])
async def healthz() -> schemas.Health:
    """The control process is alive."""
    return schemas.Health(status="alive")


@api.get("/readyz", tags=["health"], response_model=schemas.Readiness, responses={503: {"model": schemas.Readiness}})
async def readyz() -> JSONResponse:
    """200 when both models answer, else 503 with what each is doing."""
    states = dict(zip(MODEL_NAMES, await asyncio.gather(*map(_state, MODEL_NAMES)), strict=True))
    ready = all(state == "ready" for state in states.values())
    reply = schemas.Readiness(ready=ready, models=states)
    return JSONResponse(reply.model_dump(), 200 if ready else 503, headers={} if ready else {"Retry-After": "2"})


@api.get("/models", tags=["models"])
async def models() -> schemas.Models:
    """Both models with their versions, newest first."""
    return schemas.Models(models=list(await asyncio.gather(*map(_model, MODEL_NAMES))))


@api.get("/models/{name}", tags=["models"])
async def model(name: str = NAME) -> schemas.Model:
    """One model with its versions, newest first, and what each replica serves."""
    return await _model(_known(name))


@api.get("/models/{name}/features", tags=["models"])
async def features(name: str = NAME) -> schemas.Features:
    """Ranges, units and groups of the table model's columns, over its training rows."""
    if _known(name) != "breast-cancer":
        raise NotFound(f"{name} takes pictures and has no features; try breast-cancer.")
    described = [schemas.Feature(**feature) for feature in table_data.describe(_table())]
    return schemas.Features(name=name, features=described)


@api.get("/models/{name}/examples", tags=["models"])
async def examples(
    name: str = NAME,
    n: int = Query(12, ge=1, le=MAX_EXAMPLES),
    seed: int | None = Query(None, ge=0, lt=2**32, description="the same examples for the same seed"),
) -> schemas.Examples:
    """Validation images or rows with their true labels; 404 with the reason when there is no data."""
    random = np.random.default_rng(seed)
    if _known(name) == "breast-cancer":
        return _row_examples(random, n)
    try:
        return await asyncio.to_thread(_image_examples, random, n)
    except DataError as error:
        raise NotFound(str(error)) from error


@api.get("/models/{name}/versions/{version}/evaluation", tags=["models"])
async def evaluation(version: str = Path(max_length=64), name: str = NAME) -> schemas.Evaluation:
    """Validation and test figures of a version (or an alias), thresholds with false alarms and misses."""
    found = await _resolve(_known(name), version)
    figures = await asyncio.to_thread(checkpoint.read_evaluation, found.folder)
    wanted = ("validation", "test", "thresholds", "unsure")
    return schemas.Evaluation(
        name=name, version=found.version, **{key: figures[key] for key in wanted if key in figures}
    )


def _known(name: str) -> str:
    if name not in MODEL_NAMES:
        raise NotFound(f"There is no model {name[:80]!r}; there are {' and '.join(MODEL_NAMES)}.")
    return name


async def _resolve(name: str, version: str) -> RegisteredVersion:
    try:
        return await registry_actor().resolve.remote(name, version)
    except UnknownVersion as error:
        raise NotFound(str(getattr(error, "cause", error))) from None


async def _serving(name: str) -> list[dict[str, str]]:
    """What each replica of a model serves. Raises an exception when none answers in time."""
    handle = serve.get_app_handle(name)
    return await asyncio.wait_for(_broadcast(handle.broadcast("serving")), ASK_REPLICAS_S)


async def _broadcast(response: Any) -> list[Any]:
    return await response.results_async()


async def _state(name: str) -> str:
    """``ready``, or in words what a model is doing."""
    try:
        if await _serving(name):
            return "ready"
    except Exception:
        log.info("%s does not answer", name, exc_info=True)
    return await asyncio.to_thread(_status_words, name)


def _status_words(name: str) -> str:
    application = serve.status().applications.get(name)
    if application is None or application.status in ("DEPLOYING", "NOT_STARTED"):
        return "starting"
    if application.status == "RUNNING":
        return "not answering"
    return "down"


async def _model(name: str) -> schemas.Model:
    versions: list[RegisteredVersion] = await registry_actor().versions.remote(name)
    try:
        serving = await _serving(name)
    except Exception:
        serving = []
    described = [(item, checkpoint.read_metadata(item.folder)) for item in versions]
    labels = next((meta.labels for item, meta in described if CHAMPION in item.aliases), [])
    return schemas.Model(
        name=name,
        labels=labels,
        versions=[_version(item, meta) for item, meta in described],
        serving=[schemas.ServingReplica(**replica) for replica in serving],
    )


def _version(item: RegisteredVersion, meta: checkpoint.Metadata) -> schemas.Version:
    return schemas.Version(
        version=item.version,
        aliases=item.aliases,
        metrics=meta.metrics,
        created=meta.created,
        config=meta.config | {"training": meta.training},
        source={
            "run": item.run_id,
            "command": meta.command,
            "seed": meta.seed,
            "duration_s": meta.duration_s,
            "hardware": meta.hardware,
            "data": meta.data,
        },
    )


@lru_cache(maxsize=1)
def _table() -> table_data.Table:
    return table_data.read_shipped()


@lru_cache(maxsize=1)
def _validation_images() -> Any:
    from training.datasets import cifar10

    splits = cifar10.load(get_settings(), download=False)
    return splits.labels, splits.validation, splits.source


def _row_examples(random: np.random.Generator, n: int) -> schemas.Examples:
    table = _table()
    matrix, malignant = table.part("validation")
    chosen = random.permutation(len(matrix))[:n]
    rows = [
        schemas.RowExample(
            id=str(i),
            label="malignant" if malignant[i] else "benign",
            row=dict(zip(table.features, map(float, matrix[i]), strict=True)),
        )
        for i in chosen
    ]
    return schemas.Examples(name="breast-cancer", source=table.source, examples=rows)


def _image_examples(random: np.random.Generator, n: int) -> schemas.Examples:
    from training.datasets.cifar10 import decode_stored

    labels, validation, source = _validation_images()
    chosen = random.permutation(len(validation))[:n]
    pictures = validation.take(chosen)
    pixels = decode_stored([item.as_py() for item in pictures.stored], pictures.raw)
    shown = [
        schemas.ImageExample(id=str(i), label=labels[label], image=encode_base64_png(image))
        for i, label, image in zip(chosen, pictures.labels, pixels, strict=True)
    ]
    return schemas.Examples(name="cifar10", source=source, examples=shown)


_fastapi_openapi: Callable[[], dict[str, Any]] = api.openapi


def _openapi() -> dict[str, Any]:
    if api.openapi_schema is None:
        document = contract.add_model_routes(_fastapi_openapi(), _table().features)
        document["servers"] = [{"url": "/api"}]
        api.openapi_schema = document
    return api.openapi_schema


api.openapi = _openapi  # type: ignore[method-assign]


@serve.deployment(name="control", max_ongoing_requests=100, ray_actor_options={"num_cpus": REPLICA_CPUS})
@serve.ingress(api)
class Control:
    """Serves ``api``; it keeps no state of its own."""


app = Control.bind()
