"""Routes about models: versions, what is served, examples, evaluations, promotion and rollback."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

import numpy as np
from fastapi import APIRouter, Path, Query

from models import checkpoint, storage
from models.images import encode_base64_png
from models.registry import CHAMPION, Move, RegisteredVersion, UnknownVersion
from serve_deployments import json_route, replicas, schemas
from serve_deployments.errors import NotFound, Unavailable
from serve_deployments.json_route import JsonRoute
from serve_deployments.services import AllReplicas, CurrentSettings, Registry
from settings import MODEL_NAMES, Settings
from training import validation
from training.config import TrainBreastCancer, TrainCifar10
from training.datasets import breast_cancer as table_data
from training.datasets import cifar10 as image_data

MAX_EXAMPLES = 60
NAME = Path(description="cifar10 or breast-cancer", examples=["cifar10"])

CHANGE_ERRORS = json_route.ERRORS | {status: {"model": schemas.ErrorReply} for status in (401, 409, 503)}

router = APIRouter(prefix="/models", route_class=JsonRoute)


@router.get("")
async def models(registry: Registry, all_replicas: AllReplicas) -> schemas.Models:
    """Both models with their versions, newest first."""
    found = await asyncio.gather(*(_model(name, registry, all_replicas) for name in MODEL_NAMES))
    return schemas.Models(models=list(found))


@router.get("/{name}")
async def model(registry: Registry, all_replicas: AllReplicas, name: str = NAME) -> schemas.Model:
    """One model with its versions, newest first, and what each replica serves."""
    return await _model(replicas.known(name), registry, all_replicas)


@router.get("/{name}/features")
async def features(name: str = NAME) -> schemas.Features:
    """Ranges, units and groups of the table model's columns, over its training rows."""
    if replicas.known(name) != "breast-cancer":
        raise NotFound(f"{name} takes pictures and has no features; try breast-cancer.")
    described = [schemas.Feature(**feature) for feature in table_data.describe(_table())]
    return schemas.Features(name=name, features=described)


@router.get("/{name}/examples")
async def examples(
    settings: CurrentSettings,
    name: str = NAME,
    n: int = Query(12, ge=1, le=MAX_EXAMPLES),
    seed: int | None = Query(None, ge=0, lt=2**32, description="the same examples for the same seed"),
) -> schemas.Examples:
    """Validation images or rows with their true labels; ``source`` says where they are from."""
    return await asyncio.to_thread(_examples, replicas.known(name), settings, np.random.default_rng(seed), n)


@router.get("/{name}/versions/{version}/evaluation")
async def evaluation(
    registry: Registry, settings: CurrentSettings, version: str = Path(max_length=64), name: str = NAME
) -> schemas.Evaluation:
    """Validation and test figures of a version (or an alias), thresholds with false alarms and misses."""
    found = await resolve(registry, replicas.known(name), version)
    figures = await asyncio.to_thread(_figures, found, settings)
    wanted = ("validation", "test", "thresholds", "unsure", "history")
    return schemas.Evaluation(
        name=name, version=found.version, **{key: figures[key] for key in wanted if key in figures}
    )


@router.get("/{name}/presets")
async def presets(settings: CurrentSettings, name: str = NAME) -> schemas.TrainingPresets:
    """Ready-made configurations of a training, quickest first."""
    needs = ""
    if replicas.known(name) == "breast-cancer":
        offered = {"default": (TrainBreastCancer.MINUTES, TrainBreastCancer.GIVES, {})}
    else:
        known = TrainCifar10.PRESETS.items()
        offered = {key: (preset.minutes, preset.gives, {"preset": key}) for key, preset in known}
        needs = image_data.lacking(settings)
    listed = [
        schemas.TrainingPreset(preset=key, minutes=minutes, gives=gives, config=config, needs=needs)
        for key, (minutes, gives, config) in offered.items()
    ]
    return schemas.TrainingPresets(name=name, presets=listed)


@router.get("/{name}/history")
async def history(registry: Registry, name: str = NAME) -> schemas.History:
    """Every promotion and rollback, newest first."""
    moves: list[Move] = await registry.history(replicas.known(name))
    return schemas.History(name=name, moves=[schemas.Move(**move.model_dump()) for move in moves])


@router.post("/{name}/promote", responses=CHANGE_ERRORS)
async def promote(
    wanted: schemas.Promotion, registry: Registry, all_replicas: AllReplicas, name: str = NAME
) -> schemas.Model:
    """Put a version into service in every replica, after each has loaded and checked it; then the new state.

    409 when the gate says no and `force` is not set, when a replica finds something wrong with the version, or
    when another promotion is under way. A version that is served already is 200 and changes nothing.
    """
    await registry.promote(replicas.known(name), wanted.version, wanted.reason, wanted.force)
    return await _model(name, registry, all_replicas)


@router.post("/{name}/rollback", responses=CHANGE_ERRORS)
async def rollback(
    registry: Registry, all_replicas: AllReplicas, wanted: schemas.Rollback | None = None, name: str = NAME
) -> schemas.Model:
    """Put the version that was champion before into service again; then the new state."""
    reason = wanted.reason if wanted else ""
    await registry.rollback(replicas.known(name), reason)
    return await _model(name, registry, all_replicas)


@router.post("/{name}/versions/{version}/discard", responses=CHANGE_ERRORS)
async def discard(
    registry: Registry, all_replicas: AllReplicas, version: str = Path(max_length=64), name: str = NAME
) -> schemas.Model:
    """Delete a version for good; then the new state. 409 for the champion and for what a rollback goes back to."""
    await registry.discard(replicas.known(name), version)
    return await _model(name, registry, all_replicas)


async def resolve(registry: Registry, name: str, version: str) -> RegisteredVersion:
    """The version of a number or an alias. Raises NotFound, Unavailable."""
    try:
        return await registry.resolve(name, version)
    except UnknownVersion as error:
        raise NotFound(str(error)) from None


async def _model(name: str, registry: Registry, all_replicas: AllReplicas) -> schemas.Model:
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
    return schemas.Model(
        name=name,
        labels=labels,
        versions=[_version(item, meta) for item, meta in described],
        serving=[schemas.ServingReplica(**replica) for replica in serving],
    )


def _figures(item: RegisteredVersion, settings: Settings) -> dict[str, Any]:
    try:
        return checkpoint.read_evaluation(storage.fetch(item.source, settings))
    except checkpoint.CheckpointError as error:
        raise Unavailable(str(error)) from error


def _version(item: RegisteredVersion, meta: checkpoint.Metadata) -> schemas.Version:
    return schemas.Version(
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


def _examples(name: str, settings: Settings, random: np.random.Generator, n: int) -> schemas.Examples:
    held_out = validation.load(name, settings)
    chosen = random.permutation(len(held_out.truth))[:n]
    labelled = [(str(i), held_out.labels[held_out.truth[i]]) for i in chosen]
    inputs = held_out.inputs(chosen)
    shown: list[Any]
    if held_out.features:
        rows = (dict(zip(held_out.features, map(float, row), strict=True)) for row in inputs)
        shown = [schemas.RowExample(id=i, label=label, row=row) for (i, label), row in zip(labelled, rows, strict=True)]
    else:
        pictures = map(encode_base64_png, inputs)
        shown = [
            schemas.ImageExample(id=i, label=label, image=image)
            for (i, label), image in zip(labelled, pictures, strict=True)
        ]
    return schemas.Examples(name=name, source=held_out.source, examples=shown)
