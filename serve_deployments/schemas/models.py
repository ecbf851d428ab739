"""Models, versions, promotion, evaluation, examples and differences."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.specs import ColumnKind, Question
from serve_deployments.schemas.base import Reply

# A value of each feature; null where it is missing.
Row = dict[str, float | bool | str | None]


class Version(Reply):
    """One registered version."""

    version: str
    aliases: list[str]
    metrics: dict[str, float]
    created: str
    config: dict[str, Any]
    source: dict[str, Any] = Field(description="run, command, data and fingerprint of its training")


class ServingReplica(Reply):
    """What one replica serves."""

    replica: str
    version: str
    backend: str
    precision: str


class Gate(Reply):
    """The rule of promotion: ``metric`` may be lower than the champion's by at most ``margin``."""

    metric: str = Field(description="a key of a version's metrics")
    words: str
    margin: float


class Figure(Reply):
    """A figure of an evaluation, with its title, format and better direction."""

    key: str = Field(description="the path to it in `validation` and `test`; dots lead into objects and lists")
    title: str
    help: str
    form: Literal["number", "share", "count", "error"]
    better: Literal["high", "low"]


class ModelAbout(Reply):
    """The description of a model."""

    family: Literal["image", "table"]
    title: str = Field(description="short, such as a tab's title")
    question: str = Field(description="the question that the model answers, in one line")
    kind: Question | None = Field(None, description="what a table model answers: a class of two or several, a number")
    unit: str = Field("", description="unit of the number that a regression answers")
    notice: str = Field("", description="a notice to show with its predictions")
    positive: str | None = Field(None, description="the class whose probability a table model predicts")
    gate: Gate
    figures: list[Figure] = Field(description="most important first")
    corrections: bool = Field(False, description="whether answers may be corrected")
    own: bool = Field(False, description="whether a user added it; such a model can be deleted")


class Model(Reply):
    """One model with its versions, newest first, and the replicas that serve it."""

    name: str
    about: ModelAbout
    labels: list[str]
    versions: list[Version]
    serving: list[ServingReplica]


class Models(Reply):
    """``GET /models``."""

    models: list[Model]


class Promotion(BaseModel):
    """``POST /models/{name}/promote``."""

    model_config = ConfigDict(extra="forbid")

    version: str = Field(max_length=64, description="a version or an alias, such as challenger", examples=["2"])
    force: bool = Field(False, description="promote even if the gate refuses the version")
    reason: str = Field("", max_length=500, description="kept in the history")


class Rollback(BaseModel):
    """``POST /models/{name}/rollback``; the body is optional."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=500, description="kept in the history")


class Move(Reply):
    """One move of the champion."""

    kind: str = Field(description="promotion or rollback")
    version: str
    before: str = Field(description="the previous champion")
    at: str
    reason: str


class History(Reply):
    """``GET /models/{name}/history``, newest first."""

    name: str
    moves: list[Move]


class Feature(Reply):
    """A column of a table model, and what its training rows held."""

    name: str
    kind: ColumnKind
    group: str = Field(description="key of the group, such as mean")
    group_title: str = Field(description="title of the group; empty if the spec has none")
    unit: str
    min: float | str | None = Field(description="of a number, or of a date as text")
    max: float | str | None
    median: float | None = Field(description="of a number")
    step: float | None = Field(description="of a number: a form's step")
    categories: list[str] | None = Field(description="of a category: its values, most frequent first")
    preprocess: list[str] = Field(description="the steps that it goes through")
    missing: float = Field(ge=0, le=1, description="share of training rows without a value")


class Features(Reply):
    """``GET /models/{name}/features``."""

    name: str
    features: list[Feature]


class ImageExample(Reply):
    """A validation picture: base64 of a PNG file."""

    id: str
    label: str
    image: str


class RowExample(Reply):
    """A validation row with its true label."""

    id: str
    label: str
    row: Row


class Examples(Reply):
    """``GET /models/{name}/examples``."""

    name: str
    source: str
    examples: list[ImageExample] | list[RowExample]


class Evaluation(Reply):
    """``GET /models/{name}/versions/{v}/evaluation``: figures of each split, thresholds on validation."""

    name: str
    version: str
    validation: dict[str, Any]
    test: dict[str, Any]
    thresholds: list[dict[str, Any]] | None = None
    unsure: dict[str, Any] | None = None
    history: dict[str, dict[str, float]] | None = Field(
        None, description="figures after each epoch of its training, where recorded"
    )


class Answer(Reply):
    """The label that a version predicts, and its probability; of a regression the number, as text and as value."""

    label: str
    probability: float | None = None
    value: float | None = None


class Difference(Reply):
    """An input that two versions answer differently; ``label`` is the true label."""

    id: str
    label: str
    image: str | None = Field(None, description="base64 PNG, of an image model")
    row: Row | None = Field(None, description="features, of a table model")
    answers: dict[str, Answer] = Field(description="of `version` and `against`")


class Differences(Reply):
    """``GET /models/{name}/versions/{v}/differences``, over the validation set."""

    name: str
    version: str
    against: str
    rows: int
    differing: int
    better: int = Field(description="only `version` is right")
    worse: int = Field(description="only `against` is right")
    examples: list[Difference]
