"""The control API: versions, evaluations, examples, jobs, the cluster, health and the documentation of all routes.

    serve run serve_deployments.control:app --route-prefix /api

It reads the registry, the checkpoint folders and the replicas' own replies.
"""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from ray import serve
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from models import specs
from models.artifact.checkpoint import Metadata
from serve_deployments.http import contract, metrics
from serve_deployments.http.access import ChangeGuard, changes_allowed
from serve_deployments.http.errors import (
    PROTOCOL,
    ApiError,
    BadRequest,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Unavailable,
    error_response,
    path_of,
    request_id_of,
)
from serve_deployments.http.root_path import PlainPath, RootPath
from serve_deployments.http.slow_bodies import BodyDeadline
from serve_deployments.parts.recent import Recent
from serve_deployments.parts.services import AllReplicas, CurrentSettings, Registry
from serve_deployments.predict.calculations import Calculations
from serve_deployments.predict.deployment import REPLICA_CPUS
from serve_deployments.protocol_v2 import routes as protocol_v2
from serve_deployments.routes import about as about_routes
from serve_deployments.routes import cluster as cluster_routes
from serve_deployments.routes import corrections as correction_routes
from serve_deployments.routes import datasets as dataset_routes
from serve_deployments.routes import differences as difference_routes
from serve_deployments.routes import jobs as job_routes
from serve_deployments.routes import models as model_routes
from serve_deployments.routes import own_models as own_model_routes
from serve_deployments.routes import tuning as tuning_routes
from serve_deployments.routes import uploads as upload_routes
from serve_deployments.schemas.base import Access, ErrorReply, Health, Readiness
from serve_deployments.versions import replicas
from settings import Settings, get_settings
from training.runs import sentences
from training.runs.ray_session import ON_HEAD

ERRORS = {status: {"model": ErrorReply} for status in (403, 404, 405, 422, 500)}
ROUTERS = (
    about_routes,
    model_routes,
    own_model_routes,
    difference_routes,
    job_routes,
    upload_routes,
    dataset_routes,
    correction_routes,
    tuning_routes,
    cluster_routes,
    protocol_v2,
)

# The places where FastAPI finds a wrong value, in words.
PARTS = {"query": "Query option", "path": "Part of the path", "body": "Field", "header": "Header"}

OPENAPI = "/openapi.json"

router = APIRouter(tags=["health"])


def build_api(settings: Settings | None = None) -> FastAPI:
    """The control API as an ASGI application, for these settings or those of the environment.

    Its parts are dependencies; see ``serve_deployments.parts.services``.
    """
    settings = settings or get_settings()
    api = FastAPIOffline(
        title="AIR Studio",
        description="Predict with every model, and manage the versions.",
        version="1",
        responses=ERRORS,
        servers=[{"url": f"{settings.air_root_path}/api"}],
    )
    api.state.looks, api.state.listed_jobs, api.state.calculations = Recent(), Recent(), Calculations()
    # No deadline for uploads: a slow line needs minutes for 256 MB, and only clients with access send them.
    patient = (upload_routes.router.prefix, dataset_routes.router.prefix)
    api.add_middleware(BodyDeadline, seconds=settings.air_deadline_s, patient=patient)
    api.add_middleware(ChangeGuard, settings=settings, harmless=(PROTOCOL,))
    api.add_middleware(PlainPath)
    api.add_middleware(RootPath, prefix=settings.air_root_path)
    for part in ROUTERS:
        api.include_router(part.router)
    api.include_router(router)
    # FastAPI's own document has only the routes of this application.
    own = [route for route in api.routes if getattr(route, "path", "") == OPENAPI and route.name != described.__name__]
    for route in own:
        api.routes.remove(route)
    for error, handler in HANDLERS.items():
        api.add_exception_handler(error, handler)
    return api


async def _on_error(request: Request, error: Exception) -> Response:
    return error_response(error, request_id_of(request.headers), path_of(request.scope))


async def _on_invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    kind, *names = map(str, first["loc"])
    what = f"{PARTS.get(kind, kind)} {'.'.join(names)!r}" if names else f"The {kind}"
    return await _on_error(request, Invalid(f"{what} {sentences.said_of(first)}{sentences.got(first)}."))


async def _on_http(request: Request, error: HTTPException) -> Response:
    path = request.url.path[:200]
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return await _on_error(request, MethodNotAllowed(f"{path} takes {allowed}, not {request.method[:20]}."))
    if error.status_code == 404:
        return await _on_error(request, NotFound(f"There is no route {path}; see /api/docs."))
    return await _on_error(request, BadRequest(f"The request cannot be read: {error.detail}."))


HANDLERS: dict[type[Exception], Any] = {
    ApiError: _on_error,
    Exception: _on_error,
    RequestValidationError: _on_invalid,
    HTTPException: _on_http,
}


@router.get("/healthz")
async def healthz() -> Health:
    """The control process is alive."""
    return Health(status="alive")


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
async def readyz(all_replicas: AllReplicas) -> JSONResponse:
    """200 when all models answer but those that were just added, else 503; with the state of each."""
    ready, states = await replicas.states(all_replicas)
    reply = Readiness(ready=ready, models=states)
    return JSONResponse(reply.model_dump(), 200 if ready else 503, headers={} if ready else {"Retry-After": "2"})


@router.get(OPENAPI, include_in_schema=False)
async def described(request: Request, registry: Registry) -> JSONResponse:
    """The routes of this application and of the models; the models' schemas follow from the versions they serve."""
    champions = {name: await _champion(registry, name) for name in specs.names()}
    return JSONResponse(contract.add_model_routes(deepcopy(request.app.openapi()), champions))


async def _champion(registry: Registry, name: str) -> Metadata | None:
    try:
        return await model_routes.champion_metadata(registry, name)
    except Unavailable:
        return None


@router.get("/metrics", response_class=PlainTextResponse)
async def prometheus(all_replicas: AllReplicas) -> Response:
    """Requests, errors, latency, batch sizes and queues of every replica, in Prometheus' text format."""
    collected = await asyncio.gather(
        *(all_replicas.ask_all(name, "metrics_text") for name in specs.names()), return_exceptions=True
    )
    texts = [text for answers in collected if not isinstance(answers, BaseException) for text in answers]
    return Response(metrics.merge(texts), media_type=metrics.CONTENT_TYPE)


@router.get("/access")
async def access(request: Request, settings: CurrentSettings) -> Access:
    """What this client may change: everything (open), everything with the admin's token (token), or nothing (off)."""
    return Access(mode=settings.air_mode, changes=changes_allowed(request.headers, settings))


@serve.deployment(
    name="control",
    max_ongoing_requests=100,
    ray_actor_options={"num_cpus": REPLICA_CPUS, "resources": ON_HEAD},
)
@serve.ingress(build_api)
class Control:
    """Serves the control API; it keeps no state of its own."""


app = Control.bind()
