"""Routes about the server itself: its limits, kinds and states of jobs, what jobs take, and the chapter's programs."""

from __future__ import annotations

from fastapi import APIRouter, Path

from serve_deployments.parts.services import CurrentSettings
from serve_deployments.predict.table import MAX_EXPLAINED
from serve_deployments.schemas.about import About, JobKind, JobState, Limits, Options
from serve_deployments.schemas.chapter import Chapter, Example
from serve_deployments.versions import replicas
from settings import MAX_BODY_BYTES, MAX_IMAGES, MAX_PIXELS, MAX_REQUEST_PIXELS, MAX_ROWS, MAX_UPLOAD_BYTES
from training import chapter, families
from training.batch_predict.pictures import MAX_PICTURES, MAX_UNPACKED_BYTES
from training.batch_predict.uploads import MAX_FILES
from training.jobs.store import CANCELLABLE, ENDED, RESUMABLE, State
from training.jobs.supervisor import MAX_QUEUED

LIMITS = Limits(
    images=MAX_IMAGES,
    rows=MAX_ROWS,
    explained_rows=MAX_EXPLAINED,
    body_bytes=MAX_BODY_BYTES,
    pixels=MAX_PIXELS,
    request_pixels=MAX_REQUEST_PIXELS,
    upload_bytes=MAX_UPLOAD_BYTES,
    upload_files=MAX_FILES,
    archive_pictures=MAX_PICTURES,
    archive_bytes=MAX_UNPACKED_BYTES,
    queued_jobs=MAX_QUEUED,
)
KINDS = [
    JobKind(kind="train", one="training", several="Trainings"),
    JobKind(kind="tune", one="study", several="Studies"),
    JobKind(kind="batch_predict", one="batch prediction", several="Batch predictions"),
    JobKind(kind="example", one="example", several="Examples"),
]
WORDS: dict[State, str] = {
    "queued": "waiting",
    "running": "running now",
    "stopping": "being stopped",
    "stopped": "stopped",
    "succeeded": "done",
    "failed": "failed",
    "interrupted": "interrupted",
}
STATES = [
    JobState(
        state=state,
        words=words,
        ended=state in ENDED,
        can_cancel=state in CANCELLABLE,
        can_resume=state in RESUMABLE,
    )
    for state, words in WORDS.items()
]

router = APIRouter()


@router.get("/about")
async def about(settings: CurrentSettings) -> About:
    """The limits of requests, and every kind and state of a job with its name."""
    return About(mode=settings.air_mode, limits=LIMITS, job_kinds=KINDS, job_states=STATES)


@router.get("/models/{name}/options")
async def options(name: str = Path(description="a model")) -> Options:
    """The JSON Schema of `config` for each kind of job of a model: titles, descriptions, defaults and bounds."""
    spec = replicas.spec_of(name)
    return Options(name=spec.name, **{kind: families.json_schema(kind, spec) for kind in families.KINDS})


@router.get("/examples")
def examples() -> Chapter:
    """The chapter's sections in its order: what each was about, old names and today's, and the program of today."""
    found = chapter.sections().values()
    return Chapter(examples=[Example(**section.model_dump(), source=section.source()) for section in found])
