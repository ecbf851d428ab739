"""The whole app in this process, without Ray: real routes, registry, models and page; jobs only run when played.

    with Studio(home, page=True) as studio:
        studio.client().get("/models")      # without a socket
        page.goto(studio.url)               # over one, for a browser or a third-party client

Replicas are objects, jobs are processes that sleep while the test writes what a job would write
(``tests.helpers.in_process.played``), and the test sets Ray's state.
"""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Self

import httpx
import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from models import specs
from models.registry import Registry
from models.specs import ModelSpec
from serve_deployments import control
from serve_deployments.cluster_view import ray_state
from serve_deployments.http.errors import Unavailable
from serve_deployments.own_models.owner import Owner
from serve_deployments.parts import services
from serve_deployments.predict.app import AppContext, ModelApp
from serve_deployments.predict.image import ImageApp
from serve_deployments.predict.loaded import VersionShelf
from serve_deployments.predict.table import TableApp
from serve_deployments.versions.registry_actor import RegistryService
from serve_deployments.versions.replicas import ASK_S, Replicas
from settings import Settings
from training.jobs.supervisor import Supervisor

HERE = "this-node"
# The application of a family, and how many replicas it has.
REPLICAS = {"image": (ImageApp, 2), "table": (TableApp, 1)}


class LocalReplicas(Replicas):
    """Applications in this process instead of Serve's replicas; ``states`` marks models as unavailable."""

    def __init__(self) -> None:
        self.apps: dict[str, list[ModelApp]] = {}
        self.states: dict[str, str] = {}
        self._turn = count()

    async def ask_all(self, model: str, method: str, *arguments: Any, seconds: float = ASK_S) -> list[Any]:
        if model in self.states:
            raise TimeoutError
        asked = (_awaited(getattr(app, method)(*arguments)) for app in self.apps[model])
        return list(await asyncio.wait_for(asyncio.gather(*asked), seconds))

    async def ask_one(self, model: str, method: str, *arguments: Any) -> Any:
        return await getattr(self.next(model), method)(*arguments)

    def counts(self, model: str) -> dict[str, int]:
        return {"RUNNING": len(self.apps[model])}

    async def state(self, model: str) -> str:
        return self.states.get(model, "ready")

    def next(self, model: str) -> ModelApp:
        """Each replica in turn."""
        apps = self.apps[model]
        return apps[next(self._turn) % len(apps)]


class LocalApplications:
    """``Applications`` in this process."""

    def __init__(self, made: Callable[[ModelSpec], Awaitable[list[ModelApp]]], replicas: LocalReplicas) -> None:
        self._made, self._replicas = made, replicas

    async def names(self) -> set[str]:
        return set(self._replicas.apps)

    async def start(self, spec: ModelSpec) -> None:
        self._replicas.apps[spec.name] = await self._made(spec)

    async def wait_until_ready(self, model: str) -> None:
        if model in self._replicas.states:
            raise Unavailable(f"{model} cannot be started.")

    async def stop(self, model: str) -> None:
        self._replicas.apps.pop(model, None)


def _given(part: Any) -> Any:
    return part


async def _awaited(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


class RayAsSet:
    """``serve_deployments.cluster_view.ray_state`` as a test sets it; ``killed`` are the pids that were killed."""

    def __init__(self) -> None:
        store = ray_state.ObjectStore(total=1024 * 1024**2, used=5 * 1024**2, spilled=0, restored=0)
        self.nodes = [ray_state.Node(HERE, "127.0.0.1", "here", True, 8.0, 0.5, store)]
        self.processes: list[ray_state.Process] = []
        self.placements: list[ray_state.Placement] = []
        self.commands: dict[str, str] = {}
        self.tasks: dict[str, int] = {}
        self.killed: list[int] = []
        self.on_kill: Callable[[ray_state.Process], None] = lambda process: None

    def look(self) -> ray_state.State:
        actors = {"alive": sum(process.kind == "actor" for process in self.processes)}
        return ray_state.State(
            HERE, self.nodes, list(self.processes), self.commands, actors, self.tasks, self.placements
        )

    def processes_of(self, *class_names: str) -> list[ray_state.Process]:
        return [process for process in self.processes if process.name in class_names]

    def is_driven(self, owner: str) -> bool:
        return owner in self.commands

    async def kill(self, process: ray_state.Process) -> None:
        self.processes.remove(process)
        self.killed.append(process.pid)
        self.on_kill(process)


class InThread:
    """Runs in a thread what a running app runs in a separate process.

    ``runs`` counts all runs, ``most`` is the largest number at a time.
    """

    def __init__(self) -> None:
        self.runs = self.running = self.most = 0

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.runs += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await asyncio.to_thread(function, *arguments)
        finally:
            self.running -= 1


class Served:
    """An ASGI application on a port, in a thread with its own event loop; it answers at ``url``."""

    def __init__(self, application: ASGIApp, lifespan: bool = True) -> None:
        config = uvicorn.Config(
            application, host="127.0.0.1", port=0, log_level="warning", lifespan="on" if lifespan else "off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "it did not start"
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    async def _live(self) -> None:
        await self._server.serve()


class Studio(Served):
    """An ASGI application with the whole app of an AIR_HOME; further settings by name."""

    def __init__(self, home: Path, page: bool = False, **settings: Any) -> None:
        self.settings = Settings(air_home=home, **{"air_tmp": home / "tmp"} | settings)
        self.home = self.settings.air_home
        self.replicas, self.ray, self.aside = LocalReplicas(), RayAsSet(), InThread()
        registry = Registry(self.settings)
        self.registry = RegistryService(registry, self.replicas)
        self.launched: list[subprocess.Popen] = []
        self.jobs = Supervisor(self.settings, "this session", self._launch)
        swap = self.registry._swap
        self.owner = Owner(self.settings, registry, swap, LocalApplications(self._apps_of, self.replicas), self.jobs)
        self.api = control.build_api(self.settings)
        for part, own in {
            services.current_settings: self.settings,
            services.registry: self.registry,
            services.jobs: self.jobs,
            services.owner: self.owner,
            services.replicas: self.replicas,
            services.cluster: self.ray,
            services.aside: self.aside,
        }.items():
            self.api.dependency_overrides[part] = partial(_given, own)
        self._shelf = VersionShelf(self.settings)
        self._page = self._build_page() if page else None
        super().__init__(self, lifespan=page)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for process in self.launched:
            process.kill()
            process.wait()

    async def _live(self) -> None:
        self.loop = asyncio.get_running_loop()
        for name, spec in specs.all_specs().items():
            self.replicas.apps[name] = await self._apps_of(spec)
        looking = asyncio.create_task(self.jobs.look_after())
        await self._server.serve()
        looking.cancel()

    async def _apps_of(self, spec: ModelSpec) -> list[ModelApp]:
        """New applications of a model, as many as it has replicas."""
        kind, number = REPLICAS[spec.family]
        names = [f"{spec.name}-{i}" for i in range(number if spec.is_shipped else 1)]
        apps = [kind(spec, AppContext(self.settings, self.registry, self._shelf, name, HERE)) for name in names]
        for app in apps:
            await app.start()
        return apps

    def _build_page(self) -> Any:
        from app import build_page

        return build_page(self.settings, httpx.ASGITransport(self))

    def _launch(self, _: Path) -> subprocess.Popen:
        """A stand-in for a job's process, which sleeps until it is killed."""
        self.launched.append(subprocess.Popen(["sleep", "3600"], process_group=0))
        return self.launched[-1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._page(scope, receive, send)
            return
        path: str = scope["path"]
        model = next((name for name in specs.names() if path.startswith(f"/api/{name}")), None)
        if model is not None:
            response = await self.replicas.next(model)(Request(scope, receive))
            await response(scope, receive, send)
        elif path.startswith("/api") or self._page is None:
            await self.api(scope | {"root_path": "/api"}, receive, send)
        else:
            await self._page(scope, receive, send)

    def client(self, token: str = "") -> httpx.Client:
        """A client of the API without a socket, with a token if given."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url="http://localhost:7860/api", transport=_Bridge(self), headers=headers)


class _Bridge(httpx.BaseTransport):
    """Passes requests from any thread to a studio's event loop."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._asgi = httpx.ASGITransport(studio, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return asyncio.run_coroutine_threadsafe(self._ask(request), self._studio.loop).result()

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        reply = await self._asgi.handle_async_request(request)
        return httpx.Response(reply.status_code, headers=reply.headers, content=await reply.aread())
