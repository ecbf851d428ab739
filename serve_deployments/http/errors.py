"""The errors of the API, as JSON: a client's mistakes, and parts of the server that are busy or missing.

    ApiError
    ├── BadRequest        400  the body or the query cannot be read
    ├── Unauthorized      401  the admin's token is missing or wrong
    ├── Forbidden         403  this client may not do that
    ├── NotFound          404  no such model, version or route, or nothing to show
    ├── MethodNotAllowed  405
    ├── SlowBody          408  the body took too long to arrive
    ├── Conflict          409  it conflicts with the current state
    ├── TooLarge          413  too many bytes or pixels
    ├── UnsupportedMedia  415  an unsupported content type
    ├── Invalid           422  readable, but a value is wrong
    ├── Busy              503  the queue is full; comes with Retry-After
    ├── TimedOut          503  the deadline of a request has passed
    └── Unavailable       503  a part is starting or gone; comes with Retry-After

Every reply is ``{"error": {"code", "message", "detail"?}, "request_id"}``; under ``PROTOCOL`` it has the form of the
Open Inference Protocol, ``{"error": "<sentence>", "request_id"}``. An exception of any other type becomes a 500
with only the request id; the log has the rest.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope

log = logging.getLogger("ray.serve")
PROTOCOL = "/v2"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ApiError(Exception):
    """Base class; ``message`` names what is wrong and what would be right."""

    status = 500
    code = "internal"
    headers: Mapping[str, str] = {}

    def __init__(self, message: str, detail: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class BadRequest(ApiError):
    """The body or the query cannot be read."""

    status, code = 400, "bad_request"


class Unauthorized(ApiError):
    """The admin's token is missing or wrong."""

    status, code = 401, "unauthorized"
    headers = {"WWW-Authenticate": "Bearer"}


class Forbidden(ApiError):
    """This client may not do that."""

    status, code = 403, "forbidden"


class NotFound(ApiError):
    """No such thing."""

    status, code = 404, "not_found"


class MethodNotAllowed(ApiError):
    """The route exists, but not with this method."""

    status, code = 405, "method_not_allowed"


class SlowBody(ApiError):
    """The body took too long to arrive; the connection ends with the reply."""

    status, code = 408, "request_timeout"
    headers = {"Connection": "close"}


class Conflict(ApiError):
    """It conflicts with the current state."""

    status, code = 409, "conflict"


class TooLarge(ApiError):
    """Too many bytes or pixels."""

    status, code = 413, "too_large"


class UnsupportedMedia(ApiError):
    """An unsupported content type."""

    status, code = 415, "unsupported_media_type"


class Invalid(ApiError):
    """Readable, but a value is wrong."""

    status, code = 422, "invalid"


class Busy(ApiError):
    """The queue is full."""

    status, code = 503, "busy"
    headers = {"Retry-After": "1"}


class TimedOut(ApiError):
    """The deadline of a request passed before its answer was ready."""

    status, code = 503, "timed_out"
    headers = {"Retry-After": "5"}


class Unavailable(ApiError):
    """A part that is needed is starting or gone."""

    status, code = 503, "unavailable"
    headers = {"Retry-After": "2"}


def request_id_of(headers: Mapping[str, str]) -> str:
    """The X-Request-ID of the client or Serve if it is a plain word of at most 64 characters, else a new id."""
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``body`` as a JSON response."""
    return Response(
        orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY),
        status_code=status,
        media_type="application/json",
        headers={"X-Content-Type-Options": "nosniff", **(headers or {})},
    )


def error_response(error: Exception, request_id: str, path: str = "") -> Response:
    """The JSON reply for an exception; anything but an ApiError is logged and becomes a bare 500.

    On a ``path`` of the Open Inference Protocol the reply has that protocol's form.
    """
    if not isinstance(error, ApiError):
        log.error("request %s failed", request_id, exc_info=error)
        error = ApiError("Something went wrong on the server; its log has this request id.")
    body: Any = {"code": error.code, "message": error.message}
    if error.detail is not None:
        body["detail"] = error.detail
    if f"{path}/".startswith(f"{PROTOCOL}/"):
        body = error.message
    return json_response({"error": body, "request_id": request_id}, error.status, error.headers)


def path_of(scope: Scope) -> str:
    """The path of a request within its application."""
    return scope.get("path", "").removeprefix(scope.get("root_path", ""))
