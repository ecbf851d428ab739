"""Routes about files for a batch prediction: upload, check, delete."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Path, Query, Request

from serve_deployments.http.errors import Conflict, NotFound
from serve_deployments.http.received import FORM, arriving, receive_files
from serve_deployments.parts.services import CurrentSettings, InAside, Jobs, Registry
from serve_deployments.routes.models import champion_metadata
from serve_deployments.schemas.base import ErrorReply
from training.batch_predict.uploads import MAX_FILES, Store, UnknownUpload, Upload

ID = Path(max_length=64, description="the upload's id")
ERRORS = {status: {"model": ErrorReply} for status in (400, 401, 413, 415)}
router = APIRouter(prefix="/uploads", tags=["jobs"], responses=ERRORS)


@router.post("", status_code=201, openapi_extra={"requestBody": FORM})
async def upload(
    request: Request,
    registry: Registry,
    settings: CurrentSettings,
    aside: InAside,
    model: str = Query(max_length=64, description="a model"),
) -> Upload:
    """Send parts named `file`: pictures or one ZIP of pictures, or one CSV with the features as columns.

    They are checked at once, row by row. The upload is for one `batch_predict` job and is deleted when
    that job has ended, or after an hour without use.
    """
    metadata = await champion_metadata(registry, model)
    store = Store(settings)
    with arriving(store) as arrived:
        names = await receive_files(request, arrived, MAX_FILES)
        # In a separate process: checking many pictures would keep this one from answering.
        return await aside.run(store.accept, metadata, arrived, names)


@router.get("/{upload_id}")
async def look(settings: CurrentSettings, upload_id: str = ID) -> Upload:
    """The check of an upload; 404 once it is gone."""
    try:
        return Store(settings).read(upload_id)
    except UnknownUpload as error:
        raise NotFound(str(error)) from None


@router.delete("/{upload_id}", status_code=204, responses={409: {"model": ErrorReply}})
async def delete(settings: CurrentSettings, queue: Jobs, upload_id: str = ID) -> None:
    """Delete an upload; does nothing when it is gone. 409 when a running or waiting job needs it."""
    if await queue.is_needed(upload_id):
        raise Conflict(f"A job needs upload {upload_id}; cancel the job first.")
    await asyncio.to_thread(Store(settings).delete, upload_id)
