"""Routes about jobs: queue, read, stop and resume them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from pathlib import Path as FilePath
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import FileResponse, Response

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
from training.jobs import program
from training.jobs.store import EXAMPLE, FILES, Job, Store, UnknownJob, validated
from training.jobs.supervisor import NotPossible, QueueFull
from training.runs.errors import ConfigError, OptionError

FRESH_S = 0.5
MAX_LOG_LINES = 2_000
MAX_ROWS = 200
# Only plain addresses of object storage: a query may name another server, and "::" chains fsspec's file systems.
ADDRESS = re.compile(r"(s3|gs|abfss?)://(?!.*::)[^\s?#]+")
# The suffixes of readable files in object storage; a folder of pictures has none.
ENDINGS = {"table": {"csv", "tsv", "txt", "parquet"}, "image": {"parquet", *SUFFIXES}}
ENDING = re.compile(r".*/[^/]*\.([a-z][a-z0-9]{1,6})")
READS = {"table": "CSV and Parquet files", "image": "folders of pictures, pictures and Parquet files"}
NOT_AN_ADDRESS = (
    "over HTTP it must be an address of s3, gs, abfs or abfss without a query, such as s3://bucket/file; or send "
    "the file to /uploads"
)
FILE_TYPES = {"text/csv": {}, "application/octet-stream": {}}
PNG = "image/png"
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
    """Queue a job; one runs at a time. Every option has a default, so `config` is optional."""
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
    """The error of one option; ``detail`` has its path and the problem, for a program to show beside the field."""
    return Invalid(str(error), {"field": error.field, "problem": error.problem})


async def _check_batch(model: str, config: dict[str, Any], registry: Registry, settings: Settings) -> None:
    """Refuse now what the running job would refuse. Raises Invalid, NotFound."""
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
    """Every job, newest first, each with its latest figures; at most half a second old."""
    return JobList(jobs=await listed.get(queue.jobs, FRESH_S))


@router.get("/{job_id}")
async def job(queue: Jobs, job_id: str = ID) -> Job:
    """One job with the figures of every step."""
    return await _replied(queue.job(job_id))


@router.get("/{job_id}/logs")
async def logs(
    request: Request,
    settings: CurrentSettings,
    queue: Jobs,
    job_id: str = ID,
    lines: int = Query(200, ge=1, le=MAX_LOG_LINES),
) -> JobLog:
    """The last lines of the job's log; in public mode only with the admin's token."""
    await check_reader(request.headers, settings)
    return JobLog(id=job_id, log=await _replied(queue.log_tail(job_id, lines)))


@router.post("/{job_id}/cancel")
async def cancel(queue: Jobs, listed: Listed, job_id: str = ID) -> Job:
    """Stop a job in any state; a job that has ended does not change."""
    return await _changed(listed, queue.cancel(job_id))


@router.post("/{job_id}/resume", status_code=202)
async def resume(queue: Jobs, listed: Listed, job_id: str = ID) -> Job:
    """Queue a stopped, failed or interrupted job again; an image training resumes from its last epoch."""
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
    """A page of a batch prediction's result, in the order of its input."""
    path = _file(settings, job_id, PARQUET)
    try:
        total, columns, found = await asyncio.to_thread(batch_results.rows, path, offset, limit, show, label)
    except ValueError as error:
        raise Invalid(f"show: {error}") from None
    return JobRows(id=job_id, total=total, columns=columns, rows=found)


@router.get("/{job_id}/files/{name}", response_class=FileResponse, responses={200: {"content": FILE_TYPES}})
async def file(settings: CurrentSettings, name: str = Path(max_length=64), job_id: str = ID) -> FileResponse:
    """Download a file that the job wrote."""
    kind = "text/csv" if name.endswith(".csv") else "application/octet-stream"
    headers = {"X-Content-Type-Options": "nosniff"}
    return FileResponse(_file(settings, job_id, name), media_type=kind, filename=f"{job_id}-{name}", headers=headers)


@router.get("/{job_id}/picture", response_class=Response, responses={200: {"content": {PNG: {}}}})
def picture(settings: CurrentSettings, job_id: str = ID) -> Response:
    """The picture that an example has drawn, once it is complete."""
    try:
        store = Store(settings)
        folder, job = store.folder(job_id), store.read(job_id, all_metrics=False)
    except UnknownJob as error:
        raise NotFound(str(error)) from None
    drawn = program.picture(folder, job.config["name"]) if job.kind == EXAMPLE else None
    if drawn is None:
        raise NotFound(f"Job {job_id} has drawn no picture.")
    return Response(drawn, media_type=PNG, headers={"X-Content-Type-Options": "nosniff"})


def _file(settings: Settings, job_id: str, name: str) -> FilePath:
    """The path of a job's file. Raises NotFound."""
    try:
        folder = Store(settings).folder(job_id) / FILES
    except UnknownJob as error:
        raise NotFound(str(error)) from None
    there = {path.name: path for path in folder.glob("[!.]*")}
    if name not in there:
        raise NotFound(f"Job {job_id} has no file {name!r}; there are: {', '.join(sorted(there)) or 'none'}.")
    return there[name]


async def _changed(listed: Recent[list[Job]], answer: Awaitable[T]) -> T:
    """``_replied`` for a call that changes a job; the next list shows the change."""
    try:
        return await _replied(answer)
    finally:
        listed.forget()


async def _replied(answer: Awaitable[T]) -> T:
    """Await the job service; its errors become those of the API."""
    try:
        return await answer
    except tuple(REFUSALS) as error:
        raise REFUSALS[type(error)](str(error)) from None
