"""Routes about models: versions, what is served, examples, evaluations, promotion and rollback."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

import numpy as np
from fastapi import APIRouter, Path, Query

from models.artifact import checkpoint, storage
from models.pictures.decode import encode_base64_png
from models.registry import CHAMPION, RegisteredVersion, UnknownVersion
from serve_deployments.http.errors import NotFound, Unavailable
from serve_deployments.routes import json_bodies
from serve_deployments.routes.json_bodies import JsonRoute
from serve_deployments.routes.services import AllReplicas, CurrentSettings, Registry
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
from settings import MODEL_NAMES, Settings
from training.datasets import pictures as image_data
from training.datasets import tables as table_data
from training.results import held_out as validation
from training.runs.config import TrainBreastCancer, TrainCifar10

MAX_EXAMPLES = 60
NAME = Path(description="cifar10 or breast-cancer", examples=["cifar10"])

CHANGE_ERRORS = json_bodies.ERRORS | {status: {"model": ErrorReply} for status in (401, 409, 503)}

router = APIRouter(prefix="/models", route_class=JsonRoute)


@router.get("")
async def models(registry: Registry, all_replicas: AllReplicas) -> Models:
    """Both models with their versions, newest first."""
    found = await asyncio.gather(*(_model(name, registry, all_replicas) for name in MODEL_NAMES))
    return Models(models=list(found))


@router.get("/{name}")
async def model(registry: Registry, all_replicas: AllReplicas, name: str = NAME) -> Model:
    """One model with its versions, newest first, and what each replica serves."""
    return await _model(replicas.known(name), registry, all_replicas)


@router.get("/{name}/features")
async def features(name: str = NAME) -> Features:
    """Ranges, units and groups of the table model's columns, over its training rows."""
    if replicas.known(name) != "breast-cancer":
        raise NotFound(f"{name} takes pictures and has no features; try breast-cancer.")
    described = [Feature(**feature) for feature in table_data.describe(_table())]
    return Features(name=name, features=described)


@router.get("/{name}/examples")
async def examples(
    settings: CurrentSettings,
    name: str = NAME,
    n: int = Query(12, ge=1, le=MAX_EXAMPLES),
    seed: int | None = Query(None, ge=0, lt=2**32, description="the same examples for the same seed"),
) -> Examples:
    """Validation images or rows with their true labels; ``source`` says where they are from."""
    return await asyncio.to_thread(_examples, replicas.known(name), settings, np.random.default_rng(seed), n)


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
    needs = ""
    if replicas.known(name) == "breast-cancer":
        offered = {"default": (TrainBreastCancer.MINUTES, TrainBreastCancer.GIVES, {})}
    else:
        known = TrainCifar10.PRESETS.items()
        offered = {key: (preset.minutes, preset.gives, {"preset": key}) for key, preset in known}
        needs = image_data.lacking(settings)
    listed = [
        TrainingPreset(preset=key, minutes=minutes, gives=gives, config=config, needs=needs)
        for key, (minutes, gives, config) in offered.items()
    ]
    return TrainingPresets(name=name, presets=listed)


@router.get("/{name}/history")
async def history(registry: Registry, name: str = NAME) -> History:
    """Every promotion and rollback, newest first."""
    moves = await registry.history(replicas.known(name))
    return History(name=name, moves=[Move(**move.model_dump()) for move in moves])


@router.post("/{name}/promote", responses=CHANGE_ERRORS)
async def promote(wanted: Promotion, registry: Registry, all_replicas: AllReplicas, name: str = NAME) -> Model:
    """Put a version into service in every replica, after each has loaded and checked it; then the new state.

    409 when the gate says no and `force` is not set, when a replica finds something wrong with the version, or
    when another promotion is under way. A version that is served already is 200 and changes nothing.
    """
    await registry.promote(replicas.known(name), wanted.version, wanted.reason, wanted.force)
    return await _model(name, registry, all_replicas)


@router.post("/{name}/rollback", responses=CHANGE_ERRORS)
async def rollback(
    registry: Registry, all_replicas: AllReplicas, wanted: Rollback | None = None, name: str = NAME
) -> Model:
    """Put the version that was champion before into service again; then the new state."""
    reason = wanted.reason if wanted else ""
    await registry.rollback(replicas.known(name), reason)
    return await _model(name, registry, all_replicas)


@router.post("/{name}/versions/{version}/discard", responses=CHANGE_ERRORS)
async def discard(
    registry: Registry, all_replicas: AllReplicas, version: str = Path(max_length=64), name: str = NAME
) -> Model:
    """Delete a version for good; then the new state. 409 for the champion and for what a rollback goes back to."""
    await registry.discard(replicas.known(name), version)
    return await _model(name, registry, all_replicas)


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
        told = await asyncio.to_thread(lambda: [storage.read_metadata(item.source) for item in versions])
    except checkpoint.CheckpointError as error:
        raise Unavailable(str(error)) from error
    described = list(zip(versions, told, strict=True))
    labels = next((meta.labels for item, meta in described if CHAMPION in item.aliases), [])
    return Model(
        name=name,
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


@lru_cache(maxsize=1)
def _table() -> table_data.Table:
    return table_data.read_shipped()


def _examples(name: str, settings: Settings, random: np.random.Generator, n: int) -> Examples:
    held_out = validation.load(name, settings)
    chosen = random.permutation(len(held_out.truth))[:n]
    labelled = [(str(i), held_out.labels[held_out.truth[i]]) for i in chosen]
    inputs = held_out.inputs(chosen)
    shown: list[Any]
    if held_out.features:
        rows = (dict(zip(held_out.features, map(float, row), strict=True)) for row in inputs)
        shown = [RowExample(id=i, label=label, row=row) for (i, label), row in zip(labelled, rows, strict=True)]
    else:
        pictures = map(encode_base64_png, inputs)
        shown = [
            ImageExample(id=i, label=label, image=image) for (i, label), image in zip(labelled, pictures, strict=True)
        ]
    return Examples(name=name, source=held_out.source, examples=shown)
