"""The shapes of requests and replies, for validation, for ``/api/docs`` and for readers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from training.corrections import Correction
from training.jobs import Job, Kind
from training.studies import Best, Trial


class Reply(BaseModel):
    """Base of all replies."""

    model_config = ConfigDict(extra="forbid")


class ModelVersion(Reply):
    """The model and the version that really answered."""

    name: str = Field(examples=["cifar10"])
    version: str = Field(examples=["1"])


class Choice(Reply):
    """One class with its probability."""

    label: str
    probability: float = Field(ge=0, le=1)


class ImagePrediction(Reply):
    """Answer for one image; ``seen`` only with ``view=true``."""

    label: str
    probability: float = Field(ge=0, le=1)
    unsure: bool = Field(description="true when the best probability is below what validation asks for")
    top_k: list[Choice]
    seen: str | None = Field(None, description="base64 PNG of the pixels that the model saw")


class RowPrediction(Reply):
    """Answer for one row; ``contributions`` only with ``explain=true``."""

    label: str = Field(description="malignant or benign")
    probability_malignant: float = Field(ge=0, le=1)
    out_of_range: list[str] = Field(description="features outside the range of the training rows")
    contributions: dict[str, float] | None = Field(
        None, description="log-odds toward malignant of each feature, and 'bias'; their sum is the logit"
    )


class ImageReply(Reply):
    """``POST /cifar10/predict``."""

    model: ModelVersion
    predictions: list[ImagePrediction]
    latency_ms: float
    request_id: str


class RowReply(Reply):
    """``POST /breast-cancer/predict``."""

    model: ModelVersion
    predictions: list[RowPrediction]
    latency_ms: float
    request_id: str


class ImageCompareReply(Reply):
    """``POST /cifar10/compare``: both answers to the same images."""

    champion: ImageReply
    challenger: ImageReply


class RowCompareReply(Reply):
    """``POST /breast-cancer/compare``: both answers to the same rows."""

    champion: RowReply
    challenger: RowReply


class Version(Reply):
    """One registered version."""

    version: str
    aliases: list[str]
    metrics: dict[str, float]
    created: str
    config: dict[str, Any]
    source: dict[str, Any] = Field(description="run, command, data and fingerprint that it was made from")


class ServingReplica(Reply):
    """What one replica serves now."""

    replica: str
    version: str
    backend: str
    precision: str


class Model(Reply):
    """One model with its versions, newest first, and the replicas that serve it."""

    name: str
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
    force: bool = Field(False, description="promote even when the gate says no")
    reason: str = Field("", max_length=500, description="kept in the history")


class Rollback(BaseModel):
    """``POST /models/{name}/rollback``; the body may be left out."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=500, description="kept in the history")


class Move(Reply):
    """One move of the champion."""

    kind: str = Field(description="promotion or rollback")
    version: str
    before: str = Field(description="the champion until then")
    at: str
    reason: str


class History(Reply):
    """``GET /models/{name}/history``, newest first."""

    name: str
    moves: list[Move]


class Access(Reply):
    """``GET /access``: what this client may do."""

    mode: str = Field(description="local or public")
    changes: str = Field(description="open, token (the admin's token is asked for) or off (read-only)")


class Feature(Reply):
    """A column of the table model with the range of its training rows."""

    name: str
    group: str = Field(description="mean, error or worst")
    unit: str
    min: float
    max: float
    median: float
    step: float


class Features(Reply):
    """``GET /models/breast-cancer/features``."""

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
    row: dict[str, float]


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
    history: dict[str, dict[str, float]] | None = Field(None, description="figures after each epoch of its training")


class Health(Reply):
    """``GET /healthz``."""

    status: str = Field(examples=["alive"])


class Readiness(Reply):
    """``GET /readyz``: 200 when all are ready, else 503."""

    ready: bool
    models: dict[str, str] = Field(description="for each model 'ready' or what it is doing")


class ErrorBody(Reply):
    """What is wrong and what would be right."""

    code: str
    message: str
    detail: Any | None = None


class ErrorReply(Reply):
    """Every 4xx and 5xx."""

    error: ErrorBody
    request_id: str


class TrainingPreset(Reply):
    """A ready-made configuration of a training: what it takes and what it gave."""

    preset: str
    minutes: float = Field(description="on 2 cores with nothing else to do")
    gives: str = Field(description="on validation, in words")
    config: dict[str, Any] = Field(description="for POST /jobs")
    needs: str = Field("", description="what this server lacks for it, and what happens then")


class TrainingPresets(Reply):
    """``GET /models/{name}/presets``."""

    name: str
    presets: list[TrainingPreset]


class JobRequest(BaseModel):
    """``POST /jobs``; ``config`` has the options of the job's command line."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    model: str = Field(max_length=64, examples=["breast-cancer"])
    config: dict[str, Any] = Field({}, examples=[{"num_boost_round": 50}])


class Jobs(Reply):
    """``GET /jobs``."""

    jobs: list[Job]


class JobLog(Reply):
    """``GET /jobs/{id}/logs``."""

    id: str
    log: str


class JobRows(Reply):
    """``GET /jobs/{id}/rows``: a part of a batch prediction's result."""

    id: str
    total: int = Field(description="rows that match the filter")
    columns: list[str]
    rows: list[dict[str, Any]]


class CorrectionRequest(BaseModel):
    """``POST /corrections``."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(description="base64 of the picture file")
    label: str = Field(max_length=64, examples=["frog"])
    answered: str | None = Field(None, max_length=64, description="what the model said")
    version: str | None = Field(None, max_length=64, description="the version that said so")


class Corrections(Reply):
    """``GET /corrections``, newest first."""

    corrections: list[Correction]


class Answer(Reply):
    """What a version answered, and how probable it found it."""

    label: str
    probability: float


class Difference(Reply):
    """An input that two versions answer differently; ``label`` is the truth."""

    id: str
    label: str
    image: str | None = Field(None, description="base64 PNG, of the image model")
    row: dict[str, float] | None = Field(None, description="features, of the table model")
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


class StudyBase(Reply):
    """A study without its trials."""

    study: str
    model: str
    state: str = Field(description="running, succeeded, stopped, failed or interrupted")
    metric: str
    mode: str
    step: str = Field(description="what a trial counts: round or epoch")
    num_samples: int
    created: str
    ended: str | None
    duration_s: float
    error: str | None
    shipped: bool = Field(description="it came with the program")
    config: dict[str, Any]
    best: Best | None = Field(description="the best trial, and the training configuration with its parameters")


class StudySummary(StudyBase):
    """A study with the number of its trials."""

    trials: int


class Studies(Reply):
    """``GET /tuning``, newest first."""

    studies: list[StudySummary]


class Importance(Reply):
    """How much each parameter of a study mattered, and how that was calculated."""

    method: str
    params: dict[str, float]


class StudyDetails(StudyBase):
    """``GET /tuning/{study}``."""

    trials: list[Trial]
    importance: Importance | None
    importance_note: str | None = Field(description="why there is no importance")


class SearchPreset(Reply):
    """A ready-made search; ``space`` is what it tries."""

    preset: str
    metric: str
    mode: str
    step: str
    num_samples: int
    minutes: float = Field(description="on 2 cores with nothing else to do")
    space: dict[str, dict[str, Any]]


class Searches(Reply):
    """``GET /models/{name}/searches``; ``tunable``: what a space may name, and the values it lies between."""

    name: str
    searches: list[SearchPreset]
    tunable: dict[str, dict[str, Any]]


class ProtocolServer(Reply):
    """``GET /v2``."""

    name: str
    version: str
    extensions: list[str]


class ProtocolLive(Reply):
    """``GET /v2/health/live``."""

    live: bool


class ProtocolReady(Reply):
    """``GET /v2/health/ready``."""

    ready: bool


class ProtocolModelReady(Reply):
    """``GET /v2/models/{name}/ready``."""

    name: str
    ready: bool


class ProtocolTensor(Reply):
    """Name, datatype and shape of a tensor; -1 is any length."""

    name: str
    datatype: str
    shape: list[int]


class ProtocolModel(Reply):
    """``GET /v2/models/{name}``."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[ProtocolTensor]
    outputs: list[ProtocolTensor]


class InferInput(BaseModel):
    """The one input tensor; ``data`` flat or nested, or bytes behind the JSON by ``binary_data_size``."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] = []


class InferRequest(BaseModel):
    """``POST /v2/models/{name}/infer``."""

    id: str = ""
    inputs: list[dict[str, Any]] = Field(
        min_length=1, max_length=1, json_schema_extra={"items": InferInput.model_json_schema()}
    )


class InferOutput(BaseModel):
    """An output tensor, flat."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] = []


class InferReply(BaseModel):
    """The answer of the version that is named."""

    model_name: str
    model_version: str
    id: str = ""
    outputs: list[InferOutput]


class ProtocolError(Reply):
    """Errors of the Open Inference Protocol."""

    error: str
    request_id: str
