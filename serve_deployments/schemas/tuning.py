"""Studies and searches."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from serve_deployments.schemas.base import Reply
from training.tuning.studies import Best, Trial


class StudyBase(Reply):
    """A study without its trials."""

    study: str
    model: str
    state: str = Field(description="running, succeeded, stopped, failed or interrupted")
    metric: str
    mode: str
    step: str = Field(description="unit of a trial's progress: round, epoch or fold")
    num_samples: int
    created: str
    ended: str | None
    duration_s: float
    error: str | None
    shipped: bool = Field(description="whether the study ships with AIR Studio")
    config: dict[str, Any]
    best: Best | None = Field(description="the best trial, and the training configuration with its parameters")


class StudySummary(StudyBase):
    """A study with the number of its trials."""

    trials: int


class Studies(Reply):
    """``GET /tuning``, newest first."""

    studies: list[StudySummary]


class Importance(Reply):
    """The importance of each parameter of a study, and the method that calculated it."""

    method: str
    params: dict[str, float]


class StudyDetails(StudyBase):
    """``GET /tuning/{study}``."""

    trials: list[Trial]
    importance: Importance | None
    importance_note: str | None = Field(description="why there is no importance, if there is none")


class SearchPreset(Reply):
    """A ready-made search; ``space`` has the values that it tries."""

    preset: str
    metric: str
    mode: str
    step: str
    num_samples: int
    minutes: float | None = Field(description="on 2 idle cores; null if not measured yet")
    space: dict[str, dict[str, Any]]
    learners: dict[str, dict[str, dict[str, Any]]] = Field(
        description="of a study over learners: the space of each that can learn here"
    )
    folds: int = Field(description="of the cross-validation of such a study; else 0")
    repeats: int = Field(description="how often its rows are cut into folds; else 1")


class Searches(Reply):
    """``GET /models/{name}/searches``; ``tunable``: each parameter that a space may name.

    A parameter has a ``title``, a ``description``, a ``type``, and the bounds ``low`` and ``high`` or null.
    ``of_learners`` has those of the studies over learners.
    """

    name: str
    searches: list[SearchPreset]
    tunable: dict[str, dict[str, Any]]
    of_learners: dict[str, dict[str, Any]]
