"""The models' applications in Serve: deploy one, delete one, as HAProxy serves them."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from ray import serve

from models.specs import ModelSpec
from serve_deployments.http.errors import Unavailable
from serve_deployments.predict import deployment
from settings import Settings

READY_S = 90.0
# HAProxy follows Serve within a second or two; where another proxy serves, there is nothing to wait for.
FOLLOWS_S = 15.0
LOOK_S = 0.2


class Applications:
    """The models' applications as Serve runs them; every method may take seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def names(self) -> set[str]:
        """The applications that Serve runs or starts, those that are no models too."""
        status = await asyncio.to_thread(serve.status)
        return {name for name, application in status.applications.items() if application.status != "DELETING"}

    async def start(self, spec: ModelSpec) -> None:
        """Deploy a model; returns at once."""
        target = serve.RunTarget(deployment.application(spec), spec.name, f"/api/{spec.name}")
        await asyncio.to_thread(deployment.start, target)

    async def wait_until_ready(self, model: str) -> None:
        """Return when a model answers at its route. Raises Unavailable when it cannot be started."""
        deadline = time.monotonic() + READY_S
        while (status := await asyncio.to_thread(_status, model)) != "RUNNING":
            if status == "DEPLOY_FAILED" or time.monotonic() > deadline:
                raise Unavailable(f"{model} cannot be started ({status.lower()}); the log of the server says why.")
            await asyncio.sleep(LOOK_S)
        await self._wait_for_route(model, lambda status: status == 405)

    async def stop(self, model: str) -> None:
        """Delete a model's application; returns when nothing answers at its route. Does nothing without one."""
        await asyncio.to_thread(serve.delete, model)
        await self._wait_for_route(model, lambda status: status == 404)

    async def _wait_for_route(self, model: str, as_wanted: Callable[[int], bool]) -> None:
        """Wait until ``GET`` of a model's predictions has a status: 405 from the model, 404 from the API without it."""
        deadline = time.monotonic() + FOLLOWS_S
        url = f"{self._settings.api_url}/{model}/predict"
        while not as_wanted(await asyncio.to_thread(_status_of, url)) and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_S)


def _status(model: str) -> str:
    found = serve.status().applications.get(model)
    return str(getattr(found.status, "value", found.status)) if found else "NOT_STARTED"


def _status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
