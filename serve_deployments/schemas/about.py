"""The server itself: its limits, the kinds and states of jobs, the options that jobs take."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from serve_deployments.schemas.base import Reply
from training.jobs.store import Kind, State


class JobKind(Reply):
    """A kind of job and its name, in the singular and the plural."""

    kind: Kind
    one: str = Field(examples=["training"])
    several: str = Field(examples=["Trainings"])


class JobState(Reply):
    """A state of a job, its name, and the changes that it allows."""

    state: State
    words: str = Field(examples=["waiting"])
    ended: bool
    can_cancel: bool
    can_resume: bool


class Limits(Reply):
    """The limits of one request; beyond them the reply is 413, 422 or 503."""

    images: int = Field(description="pictures of a prediction")
    rows: int = Field(description="rows of a prediction")
    explained_rows: int = Field(description="rows of a prediction with explain")
    body_bytes: int = Field(description="of any request but an upload, unpacked")
    pixels: int = Field(description="of one picture")
    request_pixels: int = Field(description="of all pictures of a prediction together")
    upload_bytes: int = Field(description="of all files of an upload together")
    upload_files: int
    archive_pictures: int = Field(description="pictures in a ZIP archive")
    archive_bytes: int = Field(description="of a ZIP archive, unpacked")
    queued_jobs: int = Field(description="jobs that may wait")


class About(Reply):
    """``GET /about``."""

    mode: str = Field(description="local or public")
    limits: Limits
    job_kinds: list[JobKind]
    job_states: list[JobState]


class Options(Reply):
    """``GET /models/{name}/options``: for each kind of job of a model the JSON Schema of its ``config``."""

    name: str
    train: dict[str, Any]
    tune: dict[str, Any]
    batch_predict: dict[str, Any]
