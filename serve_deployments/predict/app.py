"""The base of every model's application: routing, errors, and the choice of the version that answers.

A model's application is a deployment graph: its root answers for the champion itself, without a
hop; any other version (the challenger of ``/compare``, ``?version=``) is answered by a shelf node
behind a handle, which starts with its first request.

The stages of a request are read → decode → predict → encode. A swap (``serve_deployments.versions.swap``) has two
steps: every replica prepares the new version, then all switch. A request keeps the version that it began with.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import Response

from models import contract
from models.artifact.checkpoint import CheckpointError
from models.registry import CHALLENGER, CHAMPION, RegisteredVersion, UnknownVersion
from models.specs import ModelSpec
from models.tensors import Tensors
from serve_deployments.http.access import check_host
from serve_deployments.http.errors import (
    ApiError,
    Busy,
    Conflict,
    Invalid,
    MethodNotAllowed,
    NotFound,
    TimedOut,
    Unavailable,
    error_response,
    json_response,
    request_id_of,
)
from serve_deployments.http.metrics import ReplicaMetrics
from serve_deployments.parts.remote import Remote
from serve_deployments.predict.batching import GreedyBatcher
from serve_deployments.predict.loaded import Loaded, VersionShelf, encode, load_to_serve
from serve_deployments.versions.registry_actor import RegistryService, registry_actor
from settings import Settings, get_settings

log = logging.getLogger("ray.serve")
# Up to this many inputs are encoded in the event loop: a thread would cost more.
FEW = 100
MAX_ONGOING = 256
DRAIN_S = 10.0


@dataclass(frozen=True)
class AppContext:
    """The dependencies of a model's application: settings, registry, shelf of other versions, replica and node.

    ``of_replica`` makes them in a replica of Serve.
    """

    settings: Settings
    registry: RegistryService
    shelf: VersionShelf
    replica: str
    node: str = ""

    @classmethod
    def of_replica(cls, shelf: DeploymentHandle) -> AppContext:
        """The dependencies in this replica's process."""
        away = "Versions other than the champion are not available now; try again."
        return cls(
            settings=get_settings(),
            registry=Remote(registry_actor, away, (UnknownVersion, ApiError)),
            shelf=Remote(lambda: shelf, away, (CheckpointError, ApiError)),
            replica=serve.get_replica_context().replica_id.unique_id,
            node=ray.get_runtime_context().get_node_id(),
        )


class ModelApp:
    """Base of a model application's root. A family's subclass reads and decodes its requests."""

    max_batch: int
    max_waiting: int
    champion: Loaded | None = None

    def __init__(self, spec: ModelSpec, context: AppContext) -> None:
        self.name = spec.name
        self._settings = context.settings
        self._registry = context.registry
        self._shelf = context.shelf
        self._node = context.node
        self.replica = context.replica
        self._handlers = {"/predict": self.predict, "/compare": self.compare}
        self._ongoing = 0
        self._prepared: Loaded | None = None
        self._first = asyncio.Lock()
        self.metrics = ReplicaMetrics(self.name)

    async def start(self) -> None:
        """Load the champion, checked against its golden answers; a model without a version waits for its first."""
        with suppress(Unavailable):
            loaded = await self._champion()
            # The loaded objects live as long as the process; the garbage collector should not scan them.
            gc.collect()
            gc.freeze()
            now: RegisteredVersion = await self._registry.resolve(self.name, CHAMPION)
            if now.version != loaded.version:
                # A promotion during the loading does not reach this replica.
                self.champion = await self._load(now.version, now.source)

    async def _champion(self) -> Loaded:
        """The champion; a model's first version is loaded by the first request for it. Raises Unavailable."""
        if self.champion is not None:
            return self.champion
        async with self._first:
            if self.champion is None:
                try:
                    found: RegisteredVersion = await self._registry.resolve(self.name, CHAMPION)
                except UnknownVersion:
                    raise Unavailable(f"{self.name} has no version yet; train one.") from None
                self.champion = await self._load(found.version, found.source)
        return self.champion

    async def read(self, request: Request) -> tuple[Any, Any]:
        """The inputs, still encoded, and the options. Raises ApiError."""
        raise NotImplementedError

    async def decode(self, model: Any, sent: Any) -> np.ndarray:
        """The inputs in the form that ``model`` takes. Raises ApiError."""
        raise NotImplementedError

    def check(self, model: Any, options: Any) -> None:
        """Raise Invalid for an option that this version cannot fulfil."""

    async def __call__(self, request: Request) -> Response:
        """Answer one HTTP request; never raises."""
        request_id = request_id_of(request.headers)
        started = time.perf_counter()
        version, status = "", 500
        try:
            reply = await self._answer_in_time(request, request_id)
            version = (reply.get("champion") or reply)["model"]["version"]
            response = json_response(reply)
        except Exception as error:
            response = error_response(error, request_id)
        status = response.status_code
        self.metrics.request(version, status, time.perf_counter() - started)
        return response

    async def _answer_in_time(self, request: Request, request_id: str) -> dict[str, Any]:
        check_host(request.headers, self._settings)
        handler = self._handler(request)
        if self._ongoing >= MAX_ONGOING:
            raise Busy("More requests are being answered than this server can take; try again in a second.")
        self._ongoing += 1
        try:
            async with asyncio.timeout(self._settings.air_deadline_s):
                return await handler(request, request_id)
        except TimeoutError:
            raise TimedOut(
                f"The request took longer than {self._settings.air_deadline_s:g} s, to arrive or to be answered; "
                "send fewer or smaller items, or try again."
            ) from None
        finally:
            self._ongoing -= 1

    def _handler(self, request: Request) -> Callable[[Request, str], Awaitable[dict[str, Any]]]:
        path: str = request.scope["path"]
        handler = self._handlers.get(path.removeprefix(f"/api/{self.name}").rstrip("/"))
        if handler is None:
            raise NotFound(f"There is no route {path[:200]}; see /api/docs.")
        if request.method != "POST":
            raise MethodNotAllowed(f"{path} takes POST, not {request.method[:20]}.")
        return handler

    async def predict(self, request: Request, request_id: str) -> dict[str, Any]:
        """``POST /{model}/predict``."""
        started = time.perf_counter()
        sent, options = await self.read(request)
        champion = await self._champion()
        with champion.in_use():
            self.check(champion.model, options)
            inputs = await self.decode(champion.model, sent)
            if options.version in (CHAMPION, champion.version):
                version, answers = champion.version, await self._predict(champion, inputs, options)
            else:
                version, answers = await self._ask_shelf(options.version, inputs, options)
            return self._reply(version, answers, started, request_id)

    async def compare(self, request: Request, request_id: str) -> dict[str, Any]:
        """``POST /{model}/compare``: the answers of champion and challenger, or ``?version=``, to the same inputs."""
        started = time.perf_counter()
        sent, options = await self.read(request)
        other = CHALLENGER if options.version == CHAMPION else options.version
        champion = await self._champion()
        with champion.in_use():
            self.check(champion.model, options)
            inputs = await self.decode(champion.model, sent)
            version, answers = await self._ask_shelf(other, inputs, options)
            challenger = self._reply(version, answers, started, request_id)
            started = time.perf_counter()
            answers = await self._predict(champion, inputs, options)
            return {
                "champion": self._reply(champion.version, answers, started, request_id),
                "challenger": challenger,
            }

    async def infer(self, inputs: np.ndarray, version: str | None) -> tuple[str, list[str], np.ndarray]:
        """The version that answered, its label and the model's raw output for each of the decoded ``inputs``.

        For the Open Inference Protocol, whose tensors need no decoding. Raises NotFound for a version
        that is not served, Conflict when a promotion has just changed the shape of the inputs, Invalid for a text
        that is not a value of its feature.
        """
        champion = await self._champion()
        if version not in (None, CHAMPION, champion.version):
            raise NotFound(f"Version {version!r} of {self.name} is not served; version {champion.version} is.")
        with champion.in_use():
            taken = champion.tensors.input
            if inputs.shape[1:] != taken.shape[1:]:
                raise Conflict(f"Input {taken.name!r} must have shape {list(taken.shape)} now; try again.")
            try:
                answers = await champion.batcher.submit(champion.model.from_tensor(inputs))
            except ValueError as error:
                raise Invalid(str(error)) from None
            return champion.version, champion.model.decide(answers), answers

    async def tensors(self) -> Tensors:
        """Input and outputs of the champion in the Open Inference Protocol. Raises Unavailable."""
        return (await self._champion()).tensors

    async def _predict(self, loaded: Loaded, inputs: np.ndarray, options: Any) -> list[dict[str, Any]]:
        answers = await loaded.batcher.submit(inputs)
        if options.explain or len(inputs) > FEW:
            return await loaded.batcher.after(encode, loaded.model, inputs, answers, options)
        return encode(loaded.model, inputs, answers, options)

    def _reply(self, version: str, answers: list[dict[str, Any]], started: float, request_id: str) -> dict[str, Any]:
        return {
            "model": {"name": self.name, "version": version},
            "predictions": answers,
            "latency_ms": round((time.perf_counter() - started) * 1000, 2),
            "request_id": request_id,
        }

    async def _ask_shelf(self, version: str, inputs: Any, options: Any) -> tuple[str, list[dict[str, Any]]]:
        try:
            found: RegisteredVersion = await self._registry.resolve(self.name, version)
        except UnknownVersion as error:
            raise NotFound(str(error)) from None
        try:
            return found.version, await self._shelf.answer(found.source, inputs, options)
        except CheckpointError as error:
            raise Conflict(f"Version {found.version} of {self.name} cannot be loaded. {error}") from None

    async def _load(self, version: str, source: str) -> Loaded:
        """Load a version from its source, in a thread, while requests continue. Raises CheckpointError."""
        model = await asyncio.to_thread(load_to_serve, source, self._settings)
        batcher = GreedyBatcher(model.predict, self.max_batch, self.max_waiting, self.metrics.batch)
        return Loaded(version, model, batcher, contract.tensors(model.metadata))

    async def prepare(self, version: str, source: str) -> dict[str, str | None]:
        """Load a version beside the champion; returns the fault that was found, or None."""
        try:
            self._prepared = await self._load(version, source)
        except CheckpointError as error:
            return {"replica": self.replica, "problem": str(error)}
        except Exception as error:
            log.error("version %s cannot be loaded", version, exc_info=error)
            return {"replica": self.replica, "problem": f"it cannot be loaded ({type(error).__name__})"}
        return {"replica": self.replica, "problem": None}

    async def switch(self, version: str, source: str) -> str:
        """Switch to ``version``; returns when no request waits for the previous one.

        Loads it when this replica has not prepared it. Returns the replica's name.
        """
        if self.champion is None or self.champion.version != version:
            prepared = self._prepared
            if prepared is None or prepared.version != version:
                prepared = await self._load(version, source)
            before, self.champion = self.champion, prepared
            deadline = time.monotonic() + DRAIN_S
            while before and before.users and time.monotonic() < deadline:
                await asyncio.sleep(0.005)
        self._prepared = None
        return self.replica

    async def forget_prepared(self) -> None:
        """Drop the version that ``prepare`` loaded: the swap was cancelled."""
        self._prepared = None

    async def serving(self) -> dict[str, str]:
        """The version that this replica serves; empty texts while the model has none."""
        try:
            champion = await self._champion()
        except Unavailable:
            return {"replica": self.replica, "version": "", "backend": "", "precision": ""}
        model = champion.model
        return {
            "replica": self.replica,
            "version": champion.version,
            "backend": model.backend,
            "precision": model.precision,
        }

    def figures(self) -> dict[str, Any]:
        """This replica's version and process, and its figures since it started."""
        return {
            "replica": self.replica,
            "model": self.name,
            "version": self.champion.version if self.champion else "",
            "pid": os.getpid(),
            "node": self._node,
            "ongoing": self._ongoing,
            "waiting": self._waiting(),
            **self.metrics.totals(),
        }

    def _waiting(self) -> int:
        return self.champion.batcher.waiting_rows if self.champion else 0

    def metrics_text(self) -> tuple[str, str]:
        """This replica's name and its figures in Prometheus' text form."""
        self.metrics.queue(self._ongoing, self._waiting())
        return self.replica, self.metrics.text()
