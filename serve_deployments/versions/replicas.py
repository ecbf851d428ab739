"""Calls to the replicas of a model, one or all of them, and their state in Serve."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ray import serve

from models import specs
from models.specs import ModelSpec
from serve_deployments.http.errors import NotFound
from serve_deployments.parts.remote import as_raised

log = logging.getLogger("ray.serve")
ASK_S = 3.0
READY, STARTING = "ready", "starting"


def known(model: str) -> str:
    """The name of a model, as it is. Raises NotFound for one that there is not."""
    return spec_of(model).name


def spec_of(model: str) -> ModelSpec:
    """The spec of a model. Raises NotFound for one that there is not."""
    try:
        return specs.get(model)
    except specs.UnknownModel as error:
        raise NotFound(str(error)) from None


class Replicas:
    """The replicas of every model, as Serve runs them."""

    async def ask_all(self, model: str, method: str, *arguments: Any, seconds: float = ASK_S) -> list[Any]:
        """The results of ``method`` from every running replica of a model's root deployment.

        Raises one of ``remote.GONE`` when a replica is gone or the model is not deployed.
        """
        response = serve.get_app_handle(model).broadcast(method, *arguments)
        return await asyncio.wait_for(response.results_async(), seconds)

    async def ask_one(self, model: str, method: str, *arguments: Any) -> Any:
        """The result of ``method`` from one replica. Raises what that raises, or Unavailable when none answers."""
        handle = getattr(serve.get_app_handle(model), method)
        return await as_raised(handle.remote(*arguments), f"{model} is not responding; try again.")

    def counts(self, model: str) -> dict[str, int]:
        """The number of replicas of a model's root deployment in each state; empty when it is not deployed."""
        application = serve.status().applications.get(model)
        deployment = application.deployments.get(model) if application else None
        if deployment is None:
            return {}
        return {
            str(getattr(state, "value", state)): count for state, count in deployment.replica_states.items() if count
        }

    async def state(self, model: str) -> str:
        """``ready``, or the state of a model in words."""
        try:
            if await self.ask_all(model, "serving"):
                return READY
        except Exception:
            log.info("%s does not answer", model, exc_info=True)
        return await asyncio.to_thread(_state_in_words, model)


async def states(all_replicas: Replicas) -> tuple[bool, dict[str, str]]:
    """Whether the app can answer for its models, and the state of each.

    A model that a user has just added starts beside those that answer.
    """
    known = specs.all_specs()
    found = dict(zip(known, await asyncio.gather(*map(all_replicas.state, known)), strict=True))
    new = {name for name, spec in known.items() if not spec.is_shipped and found[name] == STARTING}
    return all(state == READY for name, state in found.items() if name not in new), found


def _state_in_words(model: str) -> str:
    application = serve.status().applications.get(model)
    if application is None or application.status in ("DEPLOYING", "NOT_STARTED"):
        return STARTING
    if application.status == "RUNNING":
        return "not answering"
    return "down"
