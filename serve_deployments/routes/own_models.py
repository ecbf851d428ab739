"""Routes that add and delete models while the app runs."""

from __future__ import annotations

from fastapi import APIRouter, Request

from models.specs import folders
from serve_deployments.http.errors import Conflict, Invalid, NotFound, Unavailable
from serve_deployments.parts.services import AllReplicas, CurrentSettings, InAside, OwnedModels, Registry
from serve_deployments.routes.json_bodies import JsonRoute
from serve_deployments.routes.models import CHANGE_ERRORS, NAME, model
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.models import Model
from serve_deployments.versions import replicas
from training.datasets import new_model
from training.datasets.new_model import NewModel
from training.datasets.store import Datasets, UnknownDataset
from training.runs.errors import DataError, OptionError

router = APIRouter(prefix="/models", route_class=JsonRoute)


@router.post("", status_code=201, responses=CHANGE_ERRORS)
async def add(
    wanted: NewModel,
    settings: CurrentSettings,
    aside: InAside,
    owner: OwnedModels,
    registry: Registry,
    all_replicas: AllReplicas,
) -> Model:
    """Add a model of the data that was sent to `/datasets`; it answers once a first version is trained (`/jobs`).

    409 when the name is taken or there is no room for another model. The data is copied: the dataset may be deleted.
    """
    store = Datasets(settings)
    try:
        folders.refuse(wanted.name)
        dataset, data = store.get(wanted.dataset), store.path(wanted.dataset)
        # In a separate process: a large table or many pictures would keep this one from answering.
        await aside.run(new_model.add, wanted, dataset, data, settings)
    except UnknownDataset as error:
        raise NotFound(str(error)) from None
    except folders.CannotAdd as error:
        raise Conflict(str(error)) from None
    except OptionError as error:
        raise Invalid(str(error), {"field": error.field, "problem": error.problem}) from None
    except DataError as error:
        raise Unavailable(str(error)) from None
    try:
        await owner.deploy(wanted.name)
    except Unavailable:
        await owner.remove(wanted.name)
        raise
    return await model(registry, all_replicas, wanted.name)


@router.delete("/{name}", status_code=204, responses={status: {"model": ErrorReply} for status in (401, 409, 503)})
async def delete(request: Request, owner: OwnedModels, name: str = NAME) -> None:
    """Delete a model that was added: its route, versions, results, studies, corrections and data.

    409 for a model that ships with AIR Studio, and while one of the model's jobs runs or waits.
    """
    spec = replicas.spec_of(name)
    if spec.is_shipped:
        raise Conflict(f"{name} ships with AIR Studio and cannot be deleted.")
    try:
        await owner.remove(name)
    finally:
        request.app.state.listed_jobs.forget()
