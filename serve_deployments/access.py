"""Who may ask: the two modes, checked by every application on every request.

``AIR_MODE=local`` answers only to the names of this machine, so that a web page elsewhere cannot
reach it through a DNS name of its own (DNS rebinding). ``AIR_MODE=public`` stands behind a proxy
or a name of its own and answers to any.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_deployments.errors import Forbidden, error_response, request_id_of
from settings import Settings, get_settings

LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


def check_host(headers: Mapping[str, str], settings: Settings) -> None:
    """Raise Forbidden when the Host header is not a name of this machine, in local mode."""
    if settings.air_mode == "public":
        return
    host = headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name.lower() not in LOOPBACK | {settings.air_host}:
        raise Forbidden(
            f"This server answers to localhost only, not to {name[:80]!r}. "
            "Set AIR_MODE=public to serve it under another name."
        )


class HostGuard:
    """ASGI middleware that applies ``check_host`` to a whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._settings = get_settings()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            try:
                check_host(headers, self._settings)
            except Forbidden as error:
                await error_response(error, request_id_of(headers))(scope, receive, send)
                return
        await self._app(scope, receive, send)
