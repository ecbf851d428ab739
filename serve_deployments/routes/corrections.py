"""Routes about corrected answers: add, list and remove them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from fastapi import APIRouter, Path

from models import specs
from models.pictures.decode import ImageError, ImageTooLarge
from models.specs import ModelSpec
from serve_deployments.http.errors import Conflict, Invalid, NotFound, TooLarge
from serve_deployments.parts.services import CurrentSettings, Registry
from serve_deployments.predict.requests import read_base64
from serve_deployments.routes import json_bodies
from serve_deployments.routes.json_bodies import JsonRoute
from serve_deployments.routes.models import champion_metadata
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.jobs import CorrectionRequest, Corrections
from serve_deployments.versions import replicas
from settings import MAX_BODY_BYTES, Settings
from training.image.corrections import Correction, HeldOut, Store, TooMany, UnknownCorrection

ERRORS = {status: {"model": ErrorReply} for status in (401, 409, 413)}

router = APIRouter(prefix="/corrections", route_class=JsonRoute, tags=["corrections"], responses=ERRORS)


@router.get("")
async def corrections(settings: CurrentSettings) -> Corrections:
    """Every corrected answer about a picture, newest first."""
    found = await asyncio.to_thread(lambda: [one for store in _stores(settings) for one in store.all()])
    return Corrections(corrections=sorted(found, key=lambda one: one.created, reverse=True))


@router.post("", status_code=201, responses=json_bodies.ERRORS)
async def correct(wanted: CorrectionRequest, registry: Registry, settings: CurrentSettings) -> Correction:
    """Keep what a picture really shows; a training learns from it when it is asked to (`use_corrections`).

    The same picture again replaces its label. 409 for a picture of the validation or test images.
    """
    spec = _corrected(wanted.model)
    labels = (await champion_metadata(registry, spec.name)).labels
    if wanted.label not in labels:
        raise Invalid(f"label: there is no {wanted.label!r}; there are {', '.join(labels)}.")
    picture = read_base64(wanted.image, "image")
    if len(picture) > MAX_BODY_BYTES:
        raise TooLarge(f"The picture has more than {MAX_BODY_BYTES // 1024**2} MB.")
    store = Store(spec, settings)
    try:
        return await asyncio.to_thread(store.add, picture, wanted.label, wanted.answered, wanted.version)
    except ImageTooLarge as error:
        raise TooLarge(str(error)) from None
    except ImageError as error:
        raise Invalid(f"image: {error}") from None
    except (HeldOut, TooMany) as error:
        raise Conflict(str(error)) from None


@router.delete("/{correction_id}")
async def remove(settings: CurrentSettings, correction_id: str = Path(max_length=64)) -> Corrections:
    """Delete a correction; returns the remaining ones."""
    for store in _stores(settings):
        with suppress(UnknownCorrection):
            await asyncio.to_thread(store.remove, correction_id)
            return await corrections(settings)
    raise NotFound(f"There is no correction {correction_id!r}.")


def _stores(settings: Settings) -> list[Store]:
    return [Store(spec, settings) for spec in specs.of_family("image")]


def _corrected(model: str | None) -> ModelSpec:
    """The model whose answer is corrected; without a name, the first that takes pictures. Raises Invalid, NotFound."""
    spec = replicas.spec_of(model) if model else specs.of_family("image")[0]
    if spec.family != "image":
        raise Invalid(f"model: {spec.name} takes no pictures; only answers about pictures are corrected.")
    return spec
