"""The one owner of the models' applications while an app runs.

A model is added by its spec and removed by taking its spec away. The owner follows: it deploys what has a spec and is
not served, and finishes removals that were cut off. So a spec that a program on this machine has written is served
within seconds, and a kill at any time leaves a model that works or a removal that the next look finishes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from models import specs
from models.artifact.checkpoint import CheckpointError
from models.registry import Registry
from models.specs import ModelSpec, folders
from serve_deployments.http.errors import Conflict, Unavailable
from serve_deployments.versions.swap import Swap
from settings import Settings
from training import removal
from training.jobs.supervisor import NotPossible

log = logging.getLogger("ray.serve")
LOOK_S = 2.0


class Running(Protocol):
    """The models' applications; see ``Applications``."""

    async def names(self) -> set[str]: ...
    async def start(self, spec: ModelSpec) -> None: ...
    async def wait_until_ready(self, model: str) -> None: ...
    async def stop(self, model: str) -> None: ...


class Owner:
    """Deploys and removes models; one change at a time.

    ``jobs`` is the supervisor, or what looks like it.
    """

    def __init__(self, settings: Settings, registry: Registry, swap: Swap, running: Running, jobs: Any) -> None:
        self._settings = settings
        self._registry = registry
        self._swap = swap
        self._running = running
        self._jobs = jobs
        self._changing = asyncio.Lock()
        self._served: set[str] | None = None

    async def deploy(self, model: str) -> None:
        """Serve the model of a new spec; returns when it answers. Raises UnknownModel, Unavailable."""
        async with self._changing:
            await self._start(specs.get(model))
        await self._running.wait_until_ready(model)

    async def remove(self, model: str) -> None:
        """Delete a model with its versions, its results and its data; does nothing when it is gone.

        Raises Conflict while one of its jobs has not ended or a promotion is under way, Unavailable when the
        storage does not answer: the model is gone then, and the rest follows.
        """
        async with self._changing:
            if model in specs.names():
                try:
                    await self._jobs.refuse_when_busy(model)
                except NotPossible as error:
                    raise Conflict(str(error)) from None
                async with self._swap.held(model):
                    await asyncio.to_thread(folders.take_away, model)
            if model in folders.put_aside():
                await self._finish_removal(model)

    async def _finish_removal(self, model: str) -> None:
        try:
            await self._jobs.forget(model)
        except NotPossible as error:  # a job that came in the last moment
            await asyncio.to_thread(folders.bring_back, model)
            raise Conflict(str(error)) from None
        await self._running.stop(model)
        (self._served or set()).discard(model)
        try:
            await asyncio.to_thread(removal.forget, model, self._registry, self._settings)
        except CheckpointError as error:
            log.exception("the files of %s are not all deleted yet", model)
            raise Unavailable(
                f"{model} is deleted, but not yet all of its files; this is tried again: {error}"
            ) from error
        await asyncio.to_thread(folders.delete, model)

    async def follow(self) -> None:
        """Look at the specs for ever."""
        await asyncio.to_thread(folders.sweep)
        while True:
            try:
                await self.look()
            except Exception:
                # Serve or the storage does not answer: the next look tries again.
                log.exception("the models' applications could not follow their specs")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Deploy every model that is not served, stop what has no spec any more, finish removals."""
        known = specs.all_specs()
        if self._served is None:
            self._served = await self._running.names() & known.keys()
        if self._served == known.keys() and not folders.put_aside():
            return
        async with self._changing:
            for model in folders.put_aside():
                await self._finish_removal(model)
            for model in sorted(self._served - known.keys()):
                if not (specs.own_root() / model / specs.FILE).exists():  # else its spec is only wrong
                    await self._running.stop(model)
                    self._served.discard(model)
            for model, spec in known.items():
                if model not in self._served and model in specs.names():
                    await self._start(spec)

    async def _start(self, spec: ModelSpec) -> None:
        await self._running.start(spec)
        if self._served is not None:
            self._served.add(spec.name)
