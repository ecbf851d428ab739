"""The base of every reply, and the replies about the server itself: health, errors, access."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Reply(BaseModel):
    """Base of all replies."""

    model_config = ConfigDict(extra="forbid")


class Access(Reply):
    """``GET /access``: what this client may do."""

    mode: str = Field(description="local or public")
    changes: str = Field(description="open, token (the admin's token is required) or off (read-only)")


class Health(Reply):
    """``GET /healthz``."""

    status: str = Field(examples=["alive"])


class Readiness(Reply):
    """``GET /readyz``: 200 when all are ready but those that a user has just added, else 503."""

    ready: bool
    models: dict[str, str] = Field(description="for each model 'ready' or its state")


class ErrorBody(Reply):
    """What is wrong and what would be right."""

    code: str
    message: str
    detail: Any | None = None


class ErrorReply(Reply):
    """Every 4xx and 5xx."""

    error: ErrorBody
    request_id: str
