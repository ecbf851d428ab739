"""Asking the replicas of a model, all of them at once, and what Serve knows about them."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from serve_deployments.errors import NotFound
from settings import MODEL_NAMES

log = logging.getLogger("ray.serve")
ASK_S = 3.0
# What asking raises while a replica is away.
GONE = (RayError, RayServeException, TimeoutError)


def known(model: str) -> str:
    """The name of a model, as it is. Raises NotFound for one that there is not."""
    if model not in MODEL_NAMES:
        raise NotFound(f"There is no model {model[:80]!r}; there are {' and '.join(MODEL_NAMES)}.")
    return model


async def ask_all(model: str, method: str, *arguments: Any, seconds: float = ASK_S) -> list[Any]:
    """What every running replica of a model's root returns from ``method``.

    Raises TimeoutError, and RayError or RayServeException when one is gone or the model is not deployed.
    """
    response = serve.get_app_handle(model).broadcast(method, *arguments)
    return await asyncio.wait_for(response.results_async(), seconds)


def counts(model: str) -> dict[str, int]:
    """How many replicas of a model's root are in which state; empty when it is not deployed."""
    application = serve.status().applications.get(model)
    deployment = application.deployments.get(model) if application else None
    if deployment is None:
        return {}
    return {str(getattr(state, "value", state)): count for state, count in deployment.replica_states.items() if count}


async def state(model: str) -> str:
    """``ready``, or in words what a model is doing."""
    try:
        if await ask_all(model, "serving"):
            return "ready"
    except Exception:
        log.info("%s does not answer", model, exc_info=True)
    return await asyncio.to_thread(_state_in_words, model)


def _state_in_words(model: str) -> str:
    application = serve.status().applications.get(model)
    if application is None or application.status in ("DEPLOYING", "NOT_STARTED"):
        return "starting"
    if application.status == "RUNNING":
        return "not answering"
    return "down"
