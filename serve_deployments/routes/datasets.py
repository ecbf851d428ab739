"""Routes about a person's own data: send a table or pictures, see the profile, delete them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from models.specs import Family, Question
from serve_deployments.http.access import check_reader
from serve_deployments.http.errors import Invalid, NotFound
from serve_deployments.http.received import FORM, arriving, receive_files
from serve_deployments.parts.services import CurrentSettings, InAside, InTurn
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.datasets import AllDatasets
from training.datasets.store import Dataset, Datasets, UnknownDataset
from training.runs.errors import DataError

ID = Path(max_length=80, description="the dataset's id")
FAMILY = Query(description="`table` for a CSV or Parquet file, `image` for a ZIP of class folders")
ERRORS = {status: {"model": ErrorReply} for status in (400, 401, 413, 415)}


async def _reader(request: Request, settings: CurrentSettings) -> None:
    """A profile shows a person's data: in public mode only the admin may see it."""
    await check_reader(request.headers, settings)


router = APIRouter(prefix="/datasets", tags=["datasets"], responses=ERRORS, dependencies=[Depends(_reader)])


@router.post("", status_code=201, openapi_extra={"requestBody": FORM})
async def add(
    request: Request,
    settings: CurrentSettings,
    aside: InAside,
    in_turn: InTurn,
    family: Family = FAMILY,
) -> Dataset:
    """Send one part named `file`: a table, or a ZIP with a folder of pictures for each class.

    The reply is its profile: columns or classes, what is suspicious, and a proposed target. It is kept for an hour,
    for `POST /models`.
    """
    store = Datasets(settings)
    with arriving(store) as arrived:
        names = await receive_files(request, arrived, 1)
        # One at a time, in a separate process: a large table takes much of the memory.
        return await in_turn.answer(arrived.name, lambda: aside.run(store.accept, arrived, names[0], family))


@router.get("")
async def datasets(settings: CurrentSettings) -> AllDatasets:
    """Every dataset with its profile, the newest first."""
    return AllDatasets(datasets=await asyncio.to_thread(Datasets(settings).all))


@router.get("/{dataset_id}", responses={422: {"model": ErrorReply}})
async def dataset(
    settings: CurrentSettings,
    aside: InAside,
    in_turn: InTurn,
    dataset_id: str = ID,
    target: str | None = Query(None, max_length=500, description="a column: the profile with it as the target"),
    kind: Annotated[Question | None, Query(description="the kind of question about it")] = None,
) -> Dataset:
    """The profile of a dataset; 404 once it is gone. With `target` the warnings are about predicting that column."""
    store = Datasets(settings)
    try:
        if target is None:
            return await asyncio.to_thread(store.get, dataset_id)
        asked = (dataset_id, target, kind)
        return await in_turn.answer(asked, lambda: aside.run(store.with_target, *asked))
    except UnknownDataset as error:
        raise NotFound(str(error)) from None
    except DataError as error:
        raise Invalid(str(error)) from None


@router.delete("/{dataset_id}", status_code=204)
async def delete(settings: CurrentSettings, dataset_id: str = ID) -> None:
    """Delete a dataset with its file; does nothing when it is gone."""
    await asyncio.to_thread(Datasets(settings).delete, dataset_id)
