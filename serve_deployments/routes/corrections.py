"""Routes about corrected answers: keep one, look at them, remove one."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Path

from models.artifact import storage
from models.pictures.decode import ImageError, ImageTooLarge
from models.registry import CHAMPION
from serve_deployments.http.errors import Conflict, Invalid, NotFound, TooLarge
from serve_deployments.predict.requests import read_base64
from serve_deployments.routes import json_bodies
from serve_deployments.routes.json_bodies import JsonRoute
from serve_deployments.routes.models import resolve
from serve_deployments.routes.services import CurrentSettings, Registry
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.jobs import CorrectionRequest, Corrections
from settings import MAX_BODY_BYTES
from training.image.corrections import Correction, HeldOut, Store, TooMany, UnknownCorrection

MODEL = "cifar10"
ERRORS = {status: {"model": ErrorReply} for status in (401, 409, 413)}

router = APIRouter(prefix="/corrections", route_class=JsonRoute, tags=["corrections"], responses=ERRORS)


@router.get("")
async def corrections(settings: CurrentSettings) -> Corrections:
    """Every corrected answer of the image model, newest first."""
    return Corrections(corrections=await asyncio.to_thread(Store(settings).all))


@router.post("", status_code=201, responses=json_bodies.ERRORS)
async def correct(wanted: CorrectionRequest, registry: Registry, settings: CurrentSettings) -> Correction:
    """Keep what a picture really shows; a training learns from it when it is asked to (`use_corrections`).

    The same picture again replaces its label. 409 for a picture of the validation or test images.
    """
    champion = await resolve(registry, MODEL, CHAMPION)
    labels = (await asyncio.to_thread(storage.read_metadata, champion.source)).labels
    if wanted.label not in labels:
        raise Invalid(f"label: there is no {wanted.label!r}; there are {', '.join(labels)}.")
    picture = read_base64(wanted.image, "image")
    if len(picture) > MAX_BODY_BYTES:
        raise TooLarge(f"The picture has more than {MAX_BODY_BYTES // 1024**2} MB.")
    store = Store(settings)
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
    """Forget a correction; what is left."""
    store = Store(settings)
    try:
        await asyncio.to_thread(store.remove, correction_id)
    except UnknownCorrection as error:
        raise NotFound(str(error)) from None
    return await corrections(settings)
