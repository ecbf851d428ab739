"""Routes about jobs: queue one, watch it, stop it, resume it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from pathlib import Path as FilePath
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import FileResponse

from serve_deployments.http.access import check_reader
from serve_deployments.http.errors import Busy, Conflict, Invalid, NotFound
from serve_deployments.parts.recent import Recent
from serve_deployments.parts.services import CurrentSettings, Jobs, Registry
from serve_deployments.routes import json_bodies
from serve_deployments.routes.json_bodies import JsonRoute
from serve_deployments.routes.models import resolve
from serve_deployments.schemas.base import ErrorReply
from serve_deployments.schemas.jobs import JobLog, JobRequest, JobRows
from serve_deployments.schemas.jobs import Jobs as JobList
from serve_deployments.versions import replicas
from settings import Settings
from training.batch_predict import results as batch_results
from training.batch_predict.results import PARQUET, Show
from training.batch_predict.sources import SUFFIXES
from training.batch_predict.uploads import Store as Uploads
from training.batch_predict.uploads import UnknownUpload
from training.jobs.store import FILES, Job, Store, UnknownJob, validated
from training.jobs.supervisor import NotPossible, QueueFull
from training.runs.errors import ConfigError, OptionError

FRESH_S = 0.5
MAX_LOG_LINES = 2_000
MAX_ROWS = 200
# Object storage alone, and as it is: a query may name another server, and fsspec chains file systems by "::".
ADDRESS = re.compile(r"(s3|gs|abfss?)://(?!.*::)[^\s?#]+")
# What is read of object storage, by how its name ends; a folder of pictures has no ending.
ENDINGS = {"table": {"csv", "tsv", "txt", "parquet"}, "image": {"parquet", *SUFFIXES}}
ENDING = re.compile(r".*/[^/]*\.([a-z][a-z0-9]{1,6})")
READS = {"table": "CSV and Parquet files", "image": "folders of pictures, pictures and Parquet files"}
NOT_AN_ADDRESS = (
    "over HTTP it must be an address such as s3://bucket/file, of s3, gs, abfs or abfss and without a query; or send "
    "the file to /uploads"
)
FILE_TYPES = {"text/csv": {}, "application/octet-stream": {}}
ID = Path(max_length=64, description="the job's id")
ERRORS = {status: {"model": ErrorReply} for status in (401, 409, 503)}
REFUSALS = {UnknownJob: NotFound, QueueFull: Busy, NotPossible: Conflict, UnknownUpload: Invalid}

router = APIRouter(prefix="/jobs", route_class=JsonRoute, tags=["jobs"], responses=ERRORS)
T = TypeVar("T")


async def _listed(request: Request) -> Recent[list[Job]]:
    return request.app.state.listed_jobs


Listed = Annotated[Recent[list[Job]], Depends(_listed)]


@router.post("", status_code=202, responses=json_bodies.ERRORS)
async def submit(wanted: JobRequest, queue: Jobs, listed: Listed, registry: Registry, settings: CurrentSettings) -> Job:
    """Queue a job; one runs at a time. Every option has a default, so `config` may be left out."""
    try:
        config = validated(wanted.kind, wanted.model, wanted.config)
    except OptionError as error:
        raise _refused(error) from None
    except ConfigError as error:
        raise Invalid(str(error)) from None
    if config.get("data") and not ADDRESS.fullmatch(config["data"]):
        raise _refused(OptionError(["data"], NOT_AN_ADDRESS))
    if wanted.kind == "batch_predict":
        await _check_batch(wanted.model, config, registry, settings)
    return await _changed(listed, queue.submit(wanted.kind, wanted.model, config))


def _refused(error: OptionError) -> Invalid:
    """The refusal of one option: ``detail`` says which and why, for a program to show beside its field."""
    return Invalid(str(error), {"field": error.field, "problem": error.problem})


async def _check_batch(model: str, config: dict[str, Any], registry: Registry, settings: Settings) -> None:
    """Refuse what the job itself would refuse once it runs. Raises Invalid, NotFound."""
    await resolve(registry, model, config["version"])
    if config["upload"] is not None:
        try:
            upload = await asyncio.to_thread(Uploads(settings).read, config["upload"])
        except UnknownUpload as error:
            raise Invalid(str(error)) from None
        if upload.model != model:
            wrong = f"{upload.id} was sent for {upload.model}, not for {model}"
            raise _refused(OptionError(["upload"], wrong))
    key = (config["data"] or "").partition("://")[2].lower()
    ending, family = ENDING.fullmatch(key), replicas.spec_of(model).family
    if ending and ending[1] not in ENDINGS[family]:
        raise _refused(OptionError(["data"], f"files that end in '.{ending[1]}' are not read; {READS[family]} are"))


@router.get("")
async def jobs(queue: Jobs, listed: Listed) -> JobList:
    """Every job, newest first, each with its last figures; at most half a second old."""
    return JobList(jobs=await listed.get(queue.jobs, FRESH_S))


@router.get("/{job_id}")
async def job(queue: Jobs, job_id: str = ID) -> Job:
    """One job with the figures of every step."""
    return await _asked(queue.job(job_id))


@router.get("/{job_id}/logs")
async def logs(
    request: Request,
    settings: CurrentSettings,
    queue: Jobs,
    job_id: str = ID,
    lines: int = Query(200, ge=1, le=MAX_LOG_LINES),
) -> JobLog:
    """The last lines that the job printed; in public mode only with the admin's token."""
    await check_reader(request.headers, settings)
    return JobLog(id=job_id, log=await _asked(queue.log_tail(job_id, lines)))


@router.post("/{job_id}/cancel")
async def cancel(queue: Jobs, listed: Listed, job_id: str = ID) -> Job:
    """Stop a job, whatever it is doing; one that has ended stays as it is."""
    return await _changed(listed, queue.cancel(job_id))


@router.post("/{job_id}/resume", status_code=202)
async def resume(queue: Jobs, listed: Listed, job_id: str = ID) -> Job:
    """Queue a job again that was stopped, failed or was interrupted; an image training resumes from its last epoch."""
    return await _changed(listed, queue.resume(job_id))


@router.get("/{job_id}/rows")
async def rows(
    settings: CurrentSettings,
    job_id: str = ID,
    offset: int = Query(0, ge=0, le=10**9),
    limit: int = Query(50, ge=1, le=MAX_ROWS),
    show: Show = "all",
    label: str | None = Query(None, max_length=64, description="only rows with this answer"),
) -> JobRows:
    """A part of what a batch prediction answered, in the order of its input."""
    path = _file(settings, job_id, PARQUET)
    try:
        total, columns, found = await asyncio.to_thread(batch_results.rows, path, offset, limit, show, label)
    except ValueError as error:
        raise Invalid(f"show: {error}") from None
    return JobRows(id=job_id, total=total, columns=columns, rows=found)


@router.get("/{job_id}/files/{name}", response_class=FileResponse, responses={200: {"content": FILE_TYPES}})
async def file(settings: CurrentSettings, name: str = Path(max_length=64), job_id: str = ID) -> FileResponse:
    """A file that the job made, to download."""
    kind = "text/csv" if name.endswith(".csv") else "application/octet-stream"
    headers = {"X-Content-Type-Options": "nosniff"}
    return FileResponse(_file(settings, job_id, name), media_type=kind, filename=f"{job_id}-{name}", headers=headers)


def _file(settings: Settings, job_id: str, name: str) -> FilePath:
    """Where a file of a job is. Raises NotFound."""
    try:
        folder = Store(settings).folder(job_id) / FILES
    except UnknownJob as error:
        raise NotFound(str(error)) from None
    there = {path.name: path for path in folder.glob("[!.]*")}
    if name not in there:
        raise NotFound(f"Job {job_id} has no file {name!r}; there are: {', '.join(sorted(there)) or 'none'}.")
    return there[name]


async def _changed(listed: Recent[list[Job]], answer: Awaitable[T]) -> T:
    """``_asked`` of a change: what is listed next has it."""
    try:
        return await _asked(answer)
    finally:
        listed.forget()


async def _asked(answer: Awaitable[T]) -> T:
    """Await the job service; its refusals become the API's."""
    try:
        return await answer
    except tuple(REFUSALS) as error:
        raise REFUSALS[type(error)](str(error)) from None
