"""Routes about jobs: ask for one, watch it, stop it, go on with it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

import ray
from fastapi import APIRouter, Path, Query
from ray.exceptions import RayError

from serve_deployments import schemas
from serve_deployments.errors import Busy, Conflict, Invalid, NotFound, Unavailable
from training.errors import ConfigError
from training.jobs import Job, UnknownJob, validated
from training.supervisor import NotPossible, QueueFull, supervisor

MAX_LOG_LINES = 2_000
ID = Path(max_length=64, description="the job's id")
ERRORS = {status: {"model": schemas.ErrorReply} for status in (401, 409, 503)}
REFUSALS = {UnknownJob: NotFound, QueueFull: Busy, NotPossible: Conflict}

router = APIRouter(prefix="/jobs", tags=["jobs"], responses=ERRORS)
T = TypeVar("T")


@router.post("", status_code=202)
async def submit(wanted: schemas.JobRequest) -> Job:
    """Queue a job; one runs at a time. Every option has a default, so `config` may be left out."""
    try:
        config = validated(wanted.kind, wanted.model, wanted.config)
    except ConfigError as error:
        raise Invalid(str(error)) from None
    return await _asked(supervisor().submit.remote(wanted.kind, wanted.model, config))


@router.get("")
async def jobs() -> schemas.Jobs:
    """Every job, newest first, each with its last figures."""
    return schemas.Jobs(jobs=await _asked(supervisor().jobs.remote()))


@router.get("/{job_id}")
async def job(job_id: str = ID) -> Job:
    """One job with the figures of every step."""
    return await _asked(supervisor().job.remote(job_id))


@router.get("/{job_id}/logs")
async def logs(job_id: str = ID, lines: int = Query(200, ge=1, le=MAX_LOG_LINES)) -> schemas.JobLog:
    """The last lines that the job printed."""
    return schemas.JobLog(id=job_id, log=await _asked(supervisor().log_tail.remote(job_id, lines)))


@router.post("/{job_id}/cancel")
async def cancel(job_id: str = ID) -> Job:
    """Stop a job, whatever it is doing; one that has ended stays as it is."""
    return await _asked(supervisor().cancel.remote(job_id))


@router.post("/{job_id}/resume", status_code=202)
async def resume(job_id: str = ID) -> Job:
    """Queue a job again that was stopped, failed or was interrupted; it goes on from its last checkpoint."""
    return await _asked(supervisor().resume.remote(job_id))


async def _asked(answer: Awaitable[T]) -> T:
    """Await the supervisor; its refusals come back as the errors they are."""
    try:
        return await answer
    except RayError as error:
        cause: Any = getattr(error, "cause", None)
        refusal = REFUSALS.get(type(cause))
        if refusal is not None:
            raise refusal(str(cause)) from None
        if isinstance(error, ray.exceptions.RayTaskError):
            raise
        raise Unavailable("What looks after the jobs does not answer now; try again.") from error
