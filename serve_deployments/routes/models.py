"""Routes about models: versions, replicas, examples, evaluations, promotion and rollback."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from fastapi import APIRouter, Path, Query

from models import specs
from models.artifact import checkpoint, storage
from models.registry import CHAMPION, RegisteredVersion, UnknownVersion
from models.table import contract as table_contract
from serve_deployments.http.errors import Conflict, NotFound, Unavailable
from serve_deployments.parts.services import AllReplicas, CurrentSettings, Registry
from serve_deployments.routes import json_bodies
from serve_deployments.routes.described import about
from serve_deployments.routes.json_bodies import JsonRoute
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.jobs import TrainingPreset, TrainingPresets
from serve_deployments.schemas.models import (
    Evaluation,
    Examples,
    Feature,
    Features,
    History,
    ImageExample,
    Model,
    Models,
    Move,
    Promotion,
    Rollback,
    RowExample,
    ServingReplica,
    Version,
)
from serve_deployments.versions import replicas
from settings import Settings
from training import families
from training.results.held_out import HeldOut
from training.results.held_out import load as held_out_of
from training.runs.errors import DataError

MAX_EXAMPLES = 60
NAME = Path(description="a model")

CHANGE_ERRORS = json_bodies.ERRORS | {status: {"model": ErrorReply} for status in (401, 409, 503)}

router = APIRouter(prefix="/models", route_class=JsonRoute)


@router.get("")
async def models(registry: Registry, all_replicas: AllReplicas) -> Models:
    """All models with their versions, newest first."""
    found = await asyncio.gather(*(_model(name, registry, all_replicas) for name in specs.names()))
    return Models(models=list(found))


@router.get("/{name}")
async def model(registry: Registry, all_replicas: AllReplicas, name: str = NAME) -> Model:
    """One model with its versions, newest first, and what each replica serves."""
    return await _model(replicas.known(name), registry, all_replicas)


@router.get("/{name}/features")
async def features(registry: Registry, name: str = NAME) -> Features:
    """Range, unit and group of each column of the champion, over its training rows."""
    spec = replicas.spec_of(name)
    if spec.family != "table":
        raise NotFound(f"{name} takes pictures and has no features.")
    described = table_contract.describe(await champion_metadata(registry, name), spec)
    return Features(name=name, features=[Feature(**feature) for feature in described])


@router.get("/{name}/examples", responses={409: {"model": ErrorReply}})
async def examples(
    registry: Registry,
    settings: CurrentSettings,
    name: str = NAME,
    n: int = Query(12, ge=1, le=MAX_EXAMPLES),
    seed: int | None = Query(None, ge=0, lt=2**32, description="the same examples for the same seed"),
) -> Examples:
    """Validation images or rows with their true labels; ``source`` is their origin."""
    spec, metadata = replicas.spec_of(name), await champion_metadata(registry, name)
    try:
        held_out = await asyncio.to_thread(held_out_of, spec, settings, metadata)
    except DataError as error:
        raise Conflict(str(error)) from None
    return await asyncio.to_thread(_examples, name, held_out, np.random.default_rng(seed), n)


@router.get("/{name}/versions/{version}/evaluation")
async def evaluation(
    registry: Registry, settings: CurrentSettings, version: str = Path(max_length=64), name: str = NAME
) -> Evaluation:
    """Validation and test figures of a version (or an alias), thresholds with false alarms and misses."""
    found = await resolve(registry, replicas.known(name), version)
    figures = await asyncio.to_thread(_figures, found, settings)
    wanted = ("validation", "test", "thresholds", "unsure", "history")
    return Evaluation(name=name, version=found.version, **{key: figures[key] for key in wanted if key in figures})


@router.get("/{name}/presets")
async def presets(settings: CurrentSettings, name: str = NAME) -> TrainingPresets:
    """Ready-made configurations of a training, quickest first."""
    spec = replicas.spec_of(name)
    lacking = families.part(spec.family, "held_out").lacking(spec, settings)
    listed = [
        TrainingPreset(
            preset=key,
            title=given.get("title", key.capitalize()),
            minutes=given.get("minutes"),
            gives=given.get("gives", ""),
            config=families.config_of(spec, key),
            needs=families.needs(spec, key) or lacking,
            options=families.options_of(spec, key),
        )
        for key, given in spec.presets.items()
    ]
    return TrainingPresets(name=name, presets=listed)


@router.get("/{name}/history")
async def history(registry: Registry, name: str = NAME) -> History:
    """Every promotion and rollback, newest first."""
    moves = await registry.history(replicas.known(name))
    return History(name=name, moves=[Move(**move.model_dump()) for move in moves])


@router.post("/{name}/promote", responses=CHANGE_ERRORS)
async def promote(wanted: Promotion, registry: Registry, all_replicas: AllReplicas, name: str = NAME) -> Model:
    """Promote a version: every replica loads and checks it, then all switch. Returns the new state.

    409 when the gate refuses the version and `force` is not set, when a replica finds a fault in the version, or
    when another promotion is in progress. 200 without a change when the version is already the champion.
    """
    await registry.promote(replicas.known(name), wanted.version, wanted.reason, wanted.force)
    return await _model(name, registry, all_replicas)


@router.post("/{name}/rollback", responses=CHANGE_ERRORS)
async def rollback(
    registry: Registry, all_replicas: AllReplicas, wanted: Rollback | None = None, name: str = NAME
) -> Model:
    """Promote the previous champion again. Returns the new state."""
    reason = wanted.reason if wanted else ""
    await registry.rollback(replicas.known(name), reason)
    return await _model(name, registry, all_replicas)


@router.post("/{name}/versions/{version}/discard", responses=CHANGE_ERRORS)
async def discard(
    registry: Registry, all_replicas: AllReplicas, version: str = Path(max_length=64), name: str = NAME
) -> Model:
    """Delete a version; returns the new state. 409 for the champion and the version that a rollback would restore."""
    await registry.discard(replicas.known(name), version)
    return await _model(name, registry, all_replicas)


async def champion_metadata(registry: Registry, name: str) -> checkpoint.Metadata:
    """The metadata of a model's champion. Raises NotFound, and Unavailable while the model has no version."""
    try:
        champion = await registry.resolve(replicas.known(name), CHAMPION)
    except UnknownVersion:
        raise Unavailable(f"{name} has no version yet; train one.") from None
    try:
        return await asyncio.to_thread(storage.read_metadata, champion.source)
    except checkpoint.CheckpointError as error:
        raise Unavailable(str(error)) from error


async def resolve(registry: Registry, name: str, version: str) -> RegisteredVersion:
    """The version of a number or an alias. Raises NotFound, Unavailable."""
    try:
        return await registry.resolve(name, version)
    except UnknownVersion as error:
        raise NotFound(str(error)) from None


async def _model(name: str, registry: Registry, all_replicas: AllReplicas) -> Model:
    versions: list[RegisteredVersion] = await registry.versions(name)
    try:
        serving = await all_replicas.ask_all(name, "serving")
    except Exception:
        serving = []
    try:
        metadata = await asyncio.to_thread(lambda: [storage.read_metadata(item.source) for item in versions])
    except checkpoint.CheckpointError as error:
        raise Unavailable(str(error)) from error
    described = list(zip(versions, metadata, strict=True))
    labels = next((meta.labels for item, meta in described if CHAMPION in item.aliases), [])
    return Model(
        name=name,
        about=about(specs.get(name)),
        labels=labels,
        versions=[_version(item, meta) for item, meta in described],
        serving=[ServingReplica(**replica) for replica in serving],
    )


def _figures(item: RegisteredVersion, settings: Settings) -> dict[str, Any]:
    try:
        return checkpoint.read_evaluation(storage.fetch(item.source, settings))
    except checkpoint.CheckpointError as error:
        raise Unavailable(str(error)) from error


def _version(item: RegisteredVersion, meta: checkpoint.Metadata) -> Version:
    return Version(
        version=item.version,
        aliases=item.aliases,
        metrics=meta.metrics,
        created=meta.created,
        config=storage.without_secrets(meta.config | {"training": meta.training}),
        source=storage.without_secrets(
            {
                "run": item.run_id,
                "command": meta.command,
                "seed": meta.seed,
                "duration_s": meta.duration_s,
                "hardware": meta.hardware,
                "data": meta.data,
            }
        ),
    )


def _examples(name: str, held_out: HeldOut, random: np.random.Generator, n: int) -> Examples:
    chosen = random.permutation(len(held_out.truth))[:n]
    inputs = map(held_out.inputs.shown, held_out.inputs.at(chosen))
    kind = ImageExample if specs.get(name).family == "image" else RowExample
    shown = [kind(id=str(i), label=held_out.label(i), **given) for i, given in zip(chosen, inputs, strict=True)]
    return Examples(name=name, source=held_out.source, examples=shown)
