"""The one process of a running app that opens the registry; replicas and routes ask it by name.

MLflow takes seconds and some 150 MB to import, and has one writer: this.
"""

from __future__ import annotations

import ray

from models.registry import RegisteredVersion, Registry
from settings import get_settings
from training.ray_session import NAMESPACE

NAME = "registry"


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)
class RegistryActor:
    """``models.registry.Registry`` behind an actor."""

    def __init__(self) -> None:
        self._registry = Registry(get_settings())

    def versions(self, model: str) -> list[RegisteredVersion]:
        """Every version of a model, newest first."""
        return self._registry.versions(model)

    def resolve(self, model: str, version: str) -> RegisteredVersion:
        """The version of a number or an alias. Raises UnknownVersion."""
        return self._registry.resolve(model, version)


def registry_actor() -> ray.actor.ActorHandle:
    """The app's registry, started if it is not there yet."""
    return RegistryActor.options(name=NAME, namespace=NAMESPACE, get_if_exists=True, lifetime="detached").remote()
