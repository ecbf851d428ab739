"""The parts of the app that routes use, as FastAPI dependencies.

    registry     versions and their aliases              an actor
    owner        adding and deleting models              the same actor
    jobs         the queue of jobs                       an actor
    replicas     the models' applications                Serve
    cluster      what runs in Ray                        the GCS
    aside        a process for long calculations         a task of Ray
    calculations runs them one at a time                 this process

``api.dependency_overrides`` replaces them in tests, by objects of one process without Ray.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import ray
from fastapi import Depends, Request

from models.registry import UnknownVersion
from models.specs import UnknownModel
from serve_deployments.cluster_view import ray_state
from serve_deployments.http.errors import ApiError
from serve_deployments.own_models.owner import Owner
from serve_deployments.parts.remote import Remote, as_raised
from serve_deployments.predict.calculations import Calculations
from serve_deployments.versions.registry_actor import RegistryService, registry_actor
from serve_deployments.versions.replicas import Replicas
from settings import Settings, get_settings
from training.jobs.supervisor import Supervisor, supervisor
from training.runs.ray_session import ON_HEAD, give_way

T = TypeVar("T")


class Aside:
    """Runs a long function in a separate process, on the node with AIR Studio's files."""

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """The function's result. Raises what the function raises; Unavailable when its process dies."""
        task = _run.options(resources=ON_HEAD, name=function.__name__).remote(function, *arguments)
        return await as_raised(task, "The calculation was interrupted; try again.")


@ray.remote(num_cpus=0, max_retries=0)
def _run(function: Callable[..., T], *arguments: Any) -> T:
    give_way()
    return function(*arguments)


async def current_settings() -> Settings:
    """The settings of this process."""
    return get_settings()


async def registry() -> Remote:
    """The app's registry."""
    away = "The registry is not responding; check the versions and try again."
    return Remote(registry_actor, away, (UnknownVersion, ApiError))


async def owner() -> Remote:
    """The owner of the models' applications, in the registry's process."""
    away = "The service that adds and deletes models is not responding; check the models and try again."
    return Remote(registry_actor, away, (ApiError, UnknownModel))


async def jobs() -> Remote:
    """The supervisor of jobs."""
    return Remote(supervisor, "The job service is not responding; try again.")


async def replicas() -> Replicas:
    """The replicas of the models."""
    return Replicas()


async def cluster() -> Any:
    """Ray's state, and killing a process."""
    return ray_state


async def aside() -> Aside:
    """A process for long calculations."""
    return Aside()


async def calculations(request: Request) -> Calculations:
    """The calculations of this application."""
    return request.app.state.calculations


CurrentSettings = Annotated[Settings, Depends(current_settings)]
Registry = Annotated[RegistryService, Depends(registry)]
OwnedModels = Annotated[Owner, Depends(owner)]
Jobs = Annotated[Supervisor, Depends(jobs)]
AllReplicas = Annotated[Replicas, Depends(replicas)]
Cluster = Annotated[Any, Depends(cluster)]
InAside = Annotated[Aside, Depends(aside)]
InTurn = Annotated[Calculations, Depends(calculations)]
