"""Predictions for images and rows, and comparisons of two versions."""

from __future__ import annotations

from typing import Any

from pydantic import Field, create_model

from models.specs import Question
from models.table.contract import probability_field
from serve_deployments.schemas.base import Reply


class ModelVersion(Reply):
    """The model and the version that answered."""

    name: str
    version: str = Field(examples=["1"])


class Choice(Reply):
    """One class with its probability."""

    label: str
    probability: float = Field(ge=0, le=1)


class ImagePrediction(Reply):
    """Prediction for one image; ``seen`` only with ``view=true``."""

    label: str
    probability: float = Field(ge=0, le=1)
    unsure: bool = Field(description="true when the highest probability is below the threshold from validation")
    top_k: list[Choice]
    seen: str | None = Field(None, description="base64 PNG of the pixels that the model saw")


class RowPrediction(Reply):
    """Prediction for one row, without the answer itself; ``contributions`` only with ``explain=true``."""

    out_of_range: list[str] = Field(description="features outside the range of the training rows")
    missing: list[str] = Field(description="features without a value")
    unseen: list[str] = Field(description="features with a category that no training row had")
    contributions: dict[str, float] | None = Field(
        None,
        description="what each feature adds, and 'bias': log-odds toward the positive class, whose sum is the logit; "
        "of several classes the margin of the one answered; of a regression the number",
    )


class ImageReply(Reply):
    """``POST /{model}/predict`` of an image model."""

    model: ModelVersion
    predictions: list[ImagePrediction]
    latency_ms: float
    request_id: str


class RowReply(Reply):
    """``POST /{model}/predict`` of a table model."""

    model: ModelVersion
    predictions: list[Any]
    latency_ms: float
    request_id: str


class ImageCompareReply(Reply):
    """``POST /{model}/compare``: both predictions for the same images."""

    champion: ImageReply
    challenger: ImageReply


def row_replies(model: str, kind: Question, labels: list[str]) -> tuple[type[Reply], type[Reply]]:
    """The replies of ``predict`` and ``compare`` of a table model of a kind, with its labels."""
    share = (float, Field(ge=0, le=1))
    fields: dict[Question, dict[str, Any]] = {
        "binary": {"label": (str, ...), **({probability_field(labels): share} if labels else {})},
        "multiclass": {"label": (str, ...), "probability": share, "probabilities": (dict[str, float], ...)},
        "regression": {"value": (float, ...)},
    }
    prediction = create_model(f"{model}Prediction", __base__=RowPrediction, **fields[kind])
    reply = create_model(f"{model}Reply", __base__=RowReply, predictions=(list[prediction], ...))
    return reply, create_model(f"{model}CompareReply", __base__=Reply, champion=(reply, ...), challenger=(reply, ...))
