"""The one process of a running app that opens the registry; replicas and routes call it by name.

Importing MLflow takes seconds and about 150 MB, and its store allows one writer: this actor. It also deploys and
removes models, which needs the registry, and no further process.
"""

from __future__ import annotations

import asyncio
import os

import ray

from models.registry import Move, RegisteredVersion, Registry
from serve_deployments.own_models.applications import Applications
from serve_deployments.own_models.owner import Owner
from serve_deployments.parts.remote import Remote
from serve_deployments.versions.replicas import Replicas
from serve_deployments.versions.swap import Swap
from settings import get_settings
from training.jobs.supervisor import supervisor
from training.runs.ray_session import NAMESPACE, ON_HEAD

NAME = "registry"


class RegistryService:
    """``models.registry.Registry`` for concurrent callers, with promotion and rollback."""

    def __init__(self, registry: Registry, replicas: Replicas) -> None:
        self._registry = registry
        self._swap = Swap(registry, replicas)

    async def versions(self, model: str) -> list[RegisteredVersion]:
        """Every version of a model, newest first."""
        return await asyncio.to_thread(self._registry.versions, model)

    async def resolve(self, model: str, version: str) -> RegisteredVersion:
        """The version with a number or an alias. Raises UnknownVersion."""
        return await asyncio.to_thread(self._registry.resolve, model, version)

    async def history(self, model: str) -> list[Move]:
        """Every move of the champion, newest first."""
        return await asyncio.to_thread(self._registry.history, model)

    async def promote(self, model: str, version: str, reason: str, force: bool) -> None:
        """See ``Swap.promote``."""
        await self._swap.promote(model, version, reason, force)

    async def rollback(self, model: str, reason: str) -> None:
        """See ``Swap.rollback``."""
        await self._swap.rollback(model, reason)

    async def discard(self, model: str, version: str) -> None:
        """See ``Swap.discard``."""
        await self._swap.discard(model, version)


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)
class RegistryActor(RegistryService):
    """The one RegistryService of a running app."""

    async def __init__(self) -> None:
        # A route waits for the answer; by default MLflow retries a server that is gone for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        super().__init__(Registry(get_settings()), Replicas())
        settings = get_settings()
        away = "The job service is not responding; try again."
        jobs = Remote(supervisor, away)
        self._owner = Owner(settings, self._registry, self._swap, Applications(settings), jobs)
        self._tasks: list[asyncio.Task] = []
        if ray.get_runtime_context().was_current_actor_reconstructed:
            self._tasks.append(asyncio.create_task(self._swap.follow_registry()))
            await self.follow_specs()

    async def follow_specs(self) -> None:
        """From now on, serve the models whose specs appear and remove those that were taken away."""
        self._tasks.append(asyncio.create_task(self._owner.follow()))

    async def deploy(self, model: str) -> None:
        """See ``Owner.deploy``."""
        await self._owner.deploy(model)

    async def remove(self, model: str) -> None:
        """See ``Owner.remove``."""
        await self._owner.remove(model)


def registry_actor() -> ray.actor.ActorHandle:
    """The app's registry actor, started if it is not running yet."""
    options = {"name": NAME, "namespace": NAMESPACE, "get_if_exists": True, "lifetime": "detached"}
    return RegistryActor.options(**options, resources=ON_HEAD).remote()
