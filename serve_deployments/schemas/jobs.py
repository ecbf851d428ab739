"""Jobs, their logs and results, presets of a training, corrections."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from serve_deployments.schemas.base import Reply
from training.image.corrections import Correction
from training.jobs.store import Job, Kind


class TrainingPreset(Reply):
    """A ready-made configuration of a training, with its measured time and result."""

    preset: str
    title: str = Field(description="its name in words")
    minutes: float | None = Field(description="on 2 idle cores; null if not measured yet")
    gives: str = Field(description="the result on validation, in words")
    config: dict[str, Any] = Field(description="for POST /jobs")
    needs: str = Field("", description="what this server lacks for it, and the consequence")
    options: dict[str, Any] = Field(description="the options that have an effect, with their defaults")


class TrainingPresets(Reply):
    """``GET /models/{name}/presets``."""

    name: str
    presets: list[TrainingPreset]


class JobRequest(BaseModel):
    """``POST /jobs``; ``config`` has the options of the job's command line, for an example its ``name``."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    model: str = Field("", max_length=64, description="left out for an example, which has none")
    config: dict[str, Any] = Field({}, examples=[{"num_boost_round": 50}])


class Jobs(Reply):
    """``GET /jobs``."""

    jobs: list[Job]


class JobLog(Reply):
    """``GET /jobs/{id}/logs``."""

    id: str
    log: str


class JobRows(Reply):
    """``GET /jobs/{id}/rows``: one page of a batch prediction's result."""

    id: str
    total: int = Field(description="rows that match the filter")
    columns: list[str]
    rows: list[dict[str, Any]]


class CorrectionRequest(BaseModel):
    """``POST /corrections``."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(
        None, max_length=64, description="the model that is corrected; default: the first image model"
    )
    image: str = Field(description="base64 of the picture file")
    label: str = Field(max_length=64, examples=["frog"])
    answered: str | None = Field(None, max_length=64, description="the model's answer")
    version: str | None = Field(None, max_length=64, description="the version that answered")


class Corrections(Reply):
    """``GET /corrections``, newest first."""

    corrections: list[Correction]
