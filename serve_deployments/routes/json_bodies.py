"""Routes with a JSON body: read like the models' bodies, with the same limits and error messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from serve_deployments.http.bodies import content_type, replayed
from serve_deployments.http.errors import BadRequest, UnsupportedMedia
from serve_deployments.predict.requests import read_body, read_json
from serve_deployments.schemas.base import ErrorReply
from settings import MAX_BODY_BYTES

# A picture of MAX_BODY_BYTES is a third longer as base64.
MOST_BYTES = 3 * MAX_BODY_BYTES // 2
ERRORS = {status: {"model": ErrorReply} for status in (400, 408, 413, 415)}


class JsonRoute(APIRoute):
    """A route of FastAPI that refuses a body that is not JSON before FastAPI parses it."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's handler, called with a body that is JSON in UTF-8. Raises ApiError."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle
        is_required = self.body_field.field_info.is_required()

        async def handler(request: Request) -> Response:
            body = await read_body(request, MOST_BYTES, may_be_empty=not is_required)
            if body:
                kind = content_type(request)
                if kind != "application/json":
                    raise UnsupportedMedia(f"Content-Type {kind[:80]!r} is not supported here; send application/json.")
                if read_json(body) is None and is_required:
                    raise BadRequest("The body is null; send a JSON object.")
            return await handle(Request(request.scope, replayed(body, request.receive)))

        return handler
