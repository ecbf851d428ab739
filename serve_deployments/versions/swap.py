"""Put another version into service without a dropped request.

    every replica loads the version and checks its golden answers    (any problem: nothing changes)
    → the registry's alias moves                                     (from here it is the champion)
    → every replica switches, in memory, after its last requests to the old version have ended

If this is killed before the alias moves, the old version stays champion and in service; if killed after it,
restarting replicas load the new one, which the registry names.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

from models import gate, specs
from models.artifact import storage
from models.artifact.checkpoint import CheckpointError
from models.artifact.storage import ForeignSource, StorageError
from models.registry import CHAMPION, PREVIOUS, InUse, RegisteredVersion, Registry, UnknownVersion
from serve_deployments.http.errors import Conflict, NotFound, Unavailable
from serve_deployments.parts.remote import GONE
from serve_deployments.versions.replicas import Replicas

log = logging.getLogger("ray.serve")
PREPARE_S = 60.0
SWITCH_S = 30.0
RETRY_S = 0.1


class Swap:
    """Moves a model's champion in the registry and in all replicas together; one move at a time."""

    def __init__(self, registry: Registry, replicas: Replicas) -> None:
        self._registry = registry
        self._replicas = replicas
        self._moving: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def promote(self, model: str, version: str, reason: str, force: bool) -> None:
        """Put ``version`` (a number or an alias) into service; replicas that already serve it do not change.

        Raises NotFound, Conflict (the gate refuses it and ``force`` is false, another move is under way, or
        a replica finds a problem with the version), Unavailable (the replicas do not answer).
        """
        await self._move(model, version, "promotion", reason, force)

    async def rollback(self, model: str, reason: str) -> None:
        """Put the previous champion into service again, without asking the gate.

        Raises the same errors as ``promote``.
        """
        try:
            previous = await self._resolve(model, PREVIOUS)
        except NotFound:
            raise Conflict(f"{model} has no previous champion yet, so there is nothing to roll back to.") from None
        await self._move(model, previous.version, "rollback", reason, force=True)

    async def discard(self, model: str, version: str) -> None:
        """Delete a version. Raises NotFound, Conflict when it is in use or another move is under way."""
        self._refuse_when_moving(model)
        async with self._moving[model]:
            try:
                await asyncio.to_thread(self._registry.discard, model, version)
            except UnknownVersion as error:
                raise NotFound(str(error)) from None
            except (InUse, ForeignSource) as error:
                raise Conflict(str(error)) from None
            except StorageError as error:
                raise Unavailable(
                    f"Version {version} was removed from the registry, but its files were not deleted: {error}"
                ) from None

    @asynccontextmanager
    async def held(self, model: str) -> AsyncIterator[None]:
        """No version of a model moves during the block. Raises Conflict when a promotion is under way."""
        self._refuse_when_moving(model)
        async with self._moving[model]:
            yield

    def _refuse_when_moving(self, model: str) -> None:
        if self._moving[model].locked():
            raise Conflict(f"Another promotion of {model} is under way; try again when it has ended.")

    async def _move(
        self, model: str, version: str, kind: Literal["promotion", "rollback"], reason: str, force: bool
    ) -> None:
        self._refuse_when_moving(model)
        async with self._moving[model]:
            target = await self._resolve(model, version)
            if CHAMPION in target.aliases:
                # Another app of the same registry may have moved the alias without the replicas here noticing.
                await self._switch(target)
                return
            champion = await self._resolve(model, CHAMPION)
            if not force:
                await asyncio.to_thread(_pass_gate, champion, target)
            await self._prepare(target, champion)
            await asyncio.to_thread(self._registry.set_champion, model, target.version, kind, reason)
            await self._switch(target)

    async def follow_registry(self) -> None:
        """Make running replicas serve the champion: whoever moved the alias may have died before they switched."""
        for model in specs.names():
            if await asyncio.to_thread(self._replicas.counts, model):
                async with self._moving[model]:
                    with suppress(NotFound):  # a model without a version has nothing to serve
                        await self._switch(await self._resolve(model, CHAMPION))

    async def _resolve(self, model: str, version: str) -> RegisteredVersion:
        try:
            return await asyncio.to_thread(self._registry.resolve, model, version)
        except UnknownVersion as error:
            raise NotFound(str(error)) from None

    async def _prepare(self, target: RegisteredVersion, champion: RegisteredVersion) -> None:
        deadline = time.monotonic() + PREPARE_S
        while True:
            try:
                reports = await self._replicas.ask_all(
                    target.model, "prepare", target.version, target.source, seconds=PREPARE_S
                )
                break
            except GONE as error:
                # A replica that died during the call is being replaced by one that can answer.
                if time.monotonic() > deadline:
                    raise Unavailable(f"The replicas of {target.model} do not answer; nothing was changed.") from error
                await asyncio.sleep(RETRY_S)
        problems = [report for report in reports if report["problem"]]
        if problems:
            await self._replicas.ask_all(target.model, "forget_prepared")
            found = "; ".join(f"replica {report['replica']} found: {report['problem']}" for report in problems)
            raise Conflict(
                f"Version {target.version} of {target.model} was not put into service; version {champion.version} "
                f"stays in service: {found}",
                {"replicas": problems},
            )

    async def _switch(self, target: RegisteredVersion) -> None:
        """Return when every replica answers with ``target``, including those that started meanwhile."""
        deadline = time.monotonic() + SWITCH_S
        while time.monotonic() < deadline:
            try:
                switched = set(
                    await self._replicas.ask_all(
                        target.model, "switch", target.version, target.source, seconds=SWITCH_S
                    )
                )
                states = await asyncio.to_thread(self._replicas.counts, target.model)
                if set(states) == {"RUNNING"} and states["RUNNING"] == len(switched):
                    return
            except GONE:
                log.info("a replica of %s did not answer while switching", target.model, exc_info=True)
            await asyncio.sleep(RETRY_S)
        # The alias has moved; a replica that could not be reached loads the champion when it restarts.
        log.error("not every replica of %s confirmed version %s", target.model, target.version)


def _pass_gate(champion: RegisteredVersion, target: RegisteredVersion) -> None:
    """Raise Conflict with the gate's sentence when ``target`` fails it."""
    try:
        verdict = gate.verdict(*(storage.read_metadata(item.source) for item in (champion, target)))
    except CheckpointError as error:
        raise Conflict(f"Version {target.version} of {target.model} cannot be compared: {error}") from None
    if not verdict.passed:
        raise Conflict(
            f"The gate refuses version {target.version} of {target.model}. {verdict.sentence} "
            "To promote it anyway, set force.",
            {"gate": verdict.model_dump()},
        )
