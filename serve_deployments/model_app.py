"""What the two model applications share: routing, errors, and who answers for which version.

A model's application is a deployment graph: its root answers for the champion itself, without a
hop; any other version (the challenger of ``/compare``, ``?version=``) is answered by a shelf node
behind a handle, which starts when it is first asked.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import Response

from models import catalog
from models.checkpoint import CheckpointError
from models.registry import CHALLENGER, CHAMPION, RegisteredVersion, UnknownVersion
from serve_deployments.access import check_host
from serve_deployments.errors import (
    ApiError,
    MethodNotAllowed,
    NotFound,
    Unavailable,
    error_response,
    json_response,
    request_id_of,
)
from serve_deployments.registry_actor import registry_actor
from settings import get_settings

SHELF_SIZE = 2
MAX_ONGOING = 256
REPLICA_CPUS = 0.1


class ModelApp:
    """Base of a model application's root. A subclass reads requests and answers for a model."""

    name: str

    def __init__(self, shelf: DeploymentHandle) -> None:
        self._shelf = shelf
        self._settings = get_settings()
        self._registry = registry_actor()
        self.replica = serve.get_replica_context().replica_id.unique_id

    async def start(self) -> None:
        """Load the champion, checked against its golden answers."""
        champion = await self._registry.resolve.remote(self.name, CHAMPION)
        self.model = catalog.load(champion.folder)
        self.version = champion.version

    async def read(self, request: Request) -> tuple[Any, Any]:
        """Inputs as the model takes them, and options. Raises ApiError."""
        raise NotImplementedError

    async def answer(self, inputs: Any, options: Any) -> list[dict[str, Any]]:
        """The champion's predictions, one for each input."""
        raise NotImplementedError

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request; never raises."""
        request_id = request_id_of(request.headers)
        try:
            check_host(request.headers, self._settings)
            handler = self._handler(request)
            return json_response(await handler(request, request_id))
        except Exception as error:
            return error_response(error, request_id)

    def _handler(self, request: Request) -> Callable[[Request, str], Awaitable[dict[str, Any]]]:
        path = request.url.path.removeprefix(f"/api/{self.name}")
        handlers = {"/predict": self.predict, "/compare": self.compare}
        if path not in handlers:
            raise NotFound(f"There is no route {request.url.path[:200]}; see /api/docs.")
        if request.method != "POST":
            raise MethodNotAllowed(f"{request.url.path} takes POST, not {request.method[:20]}.")
        return handlers[path]

    async def predict(self, request: Request, request_id: str) -> dict[str, Any]:
        """``POST /{model}/predict``."""
        started = time.perf_counter()
        inputs, options = await self.read(request)
        if options.version in (CHAMPION, self.version):
            # Read before the answer is awaited: a swap may come in between.
            version, answers = self.version, await self.answer(inputs, options)
        else:
            version, answers = await self._ask_shelf(options.version, inputs, options)
        return self._reply(version, answers, started, request_id)

    async def compare(self, request: Request, request_id: str) -> dict[str, Any]:
        """``POST /{model}/compare``: champion's and challenger's answers to the same inputs."""
        started = time.perf_counter()
        inputs, options = await self.read(request)
        version, answers = await self._ask_shelf(CHALLENGER, inputs, options)
        challenger = self._reply(version, answers, started, request_id)
        started = time.perf_counter()
        champion = self._reply(self.version, await self.answer(inputs, options), started, request_id)
        return {"champion": champion, "challenger": challenger}

    def _reply(self, version: str, answers: list[dict[str, Any]], started: float, request_id: str) -> dict[str, Any]:
        return {
            "model": {"name": self.name, "version": version},
            "predictions": answers,
            "latency_ms": round((time.perf_counter() - started) * 1000, 2),
            "request_id": request_id,
        }

    async def _ask_shelf(self, version: str, inputs: Any, options: Any) -> tuple[str, list[dict[str, Any]]]:
        try:
            found: RegisteredVersion = await self._registry.resolve.remote(self.name, version)
        except UnknownVersion as error:
            raise NotFound(str(error.cause if hasattr(error, "cause") else error)) from None
        try:
            return found.version, await self._shelf.answer.remote(str(found.folder), inputs, options)
        except RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, ApiError):
                raise cause from None
            if isinstance(cause, CheckpointError):
                raise Unavailable(f"Version {found.version} of {self.name} cannot be loaded. {cause}") from None
            raise Unavailable(f"Version {found.version} of {self.name} cannot answer now; try again.") from error

    def serving(self) -> dict[str, str]:
        """What this replica serves now."""
        return {
            "replica": self.replica,
            "version": self.version,
            "backend": self.model.backend,
            "precision": self.model.precision,
        }


@serve.deployment(
    max_ongoing_requests=16,
    max_queued_requests=64,
    ray_actor_options={"num_cpus": REPLICA_CPUS},
    autoscaling_config={
        "min_replicas": 0,
        "initial_replicas": 0,
        "max_replicas": 1,
        "upscale_delay_s": 0,
        "downscale_delay_s": 600,
    },
)
class VersionShelf:
    """Answers for versions other than the champion; keeps the last few it was asked for."""

    def __init__(self, module: str) -> None:
        self._answer = import_module(module).answer
        self._models: OrderedDict[str, Any] = OrderedDict()

    def answer(self, folder: str, inputs: Any, options: Any) -> list[dict[str, Any]]:
        """Predictions of the model in a checkpoint folder, by the same code as the champion's."""
        if folder not in self._models:
            self._models[folder] = catalog.load(Path(folder))
            if len(self._models) > SHELF_SIZE:
                self._models.popitem(last=False)
        self._models.move_to_end(folder)
        model = self._models[folder]
        return self._answer(model, inputs, model.predict(inputs), options)
