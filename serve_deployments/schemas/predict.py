"""Answers to images and rows, and comparisons of two versions."""

from __future__ import annotations

from pydantic import Field

from serve_deployments.schemas.base import Reply


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
