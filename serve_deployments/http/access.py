"""Access rules of the two modes, checked by every application on every request.

``AIR_MODE=local`` answers only to the names of this machine, so that a web page elsewhere cannot
reach it through a DNS name of its own (DNS rebinding), and refuses changes by a page of another
origin or by a request that came through a proxy. ``AIR_MODE=public`` runs behind a proxy or a
public name and answers to any name; changes require the admin's token.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import deque
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_deployments.http.errors import (
    ApiError,
    BadRequest,
    Busy,
    Forbidden,
    Unauthorized,
    error_response,
    path_of,
    request_id_of,
)
from settings import FORWARDED, LOOPBACK_NAMES, Settings, token_sha256

FREE_TRIES, SLOW_S, MAX_SLOWED = 10, 1.0, 20
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
Changes = Literal["open", "token", "off"]


def check_host(headers: Mapping[str, str], settings: Settings) -> None:
    """Raise Forbidden when the Host header is not a name of this machine, in local mode; BadRequest without one."""
    if settings.air_mode == "public":
        return
    host = headers.get("host", "")
    if not host:
        raise BadRequest("The request has no Host header; send the name that it is meant for, such as localhost.")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name.lower() not in LOOPBACK_NAMES | {settings.air_host}:
        raise Forbidden(
            f"This server answers to localhost only, not to {name[:80]!r}. "
            "Set AIR_MODE=public to serve it under another name."
        )


def changes_allowed(headers: Mapping[str, str], settings: Settings) -> Changes:
    """What this client may change: everything, everything with the token, or nothing."""
    if settings.air_mode == "public":
        return "token" if settings.admin_token_sha256 else "off"
    return "off" if any(name in headers for name in FORWARDED) else "open"


def check_change(headers: Mapping[str, str], settings: Settings) -> None:
    """Raise Forbidden or Unauthorized when this client may not make changes."""
    allowed = changes_allowed(headers, settings)
    if allowed == "token":
        _check_token(headers, settings)
    elif allowed == "off" and settings.air_mode == "public":
        raise Forbidden("This is a read-only demo: no AIR_ADMIN_TOKEN is set on the server, so nothing can be changed.")
    elif allowed == "off":
        raise Forbidden(
            "The request came through a proxy, and AIR_MODE=local is read-only for those. "
            "Set AIR_MODE=public and AIR_ADMIN_TOKEN to change things from elsewhere."
        )
    else:
        check_origin(headers)


async def check_reader(headers: Mapping[str, str], settings: Settings) -> None:
    """In public mode, raise Forbidden or Unauthorized unless the client may read what only the admin may read."""
    if settings.air_mode != "public":
        return
    if not settings.admin_token_sha256:
        raise Forbidden("This is a read-only demo: only an admin may read this, and no AIR_ADMIN_TOKEN is set.")
    try:
        _check_token(headers, settings, "Only the admin may read this")
    except WrongToken as error:
        raise await BRAKE.hold(error) from None


def _check_token(headers: Mapping[str, str], settings: Settings, why: str = "This changes something") -> None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized(f"{why}: send the admin's token as 'Authorization: Bearer …'.")
    if not hmac.compare_digest(token_sha256(token), settings.admin_token_sha256):
        raise WrongToken("The admin's token is wrong.")


class WrongToken(Unauthorized):
    """The request has a token, but not the admin's."""


class Brake:
    """Slows down clients that try token after token; the right token is never slowed."""

    def __init__(self) -> None:
        self._wrong: deque[float] = deque(maxlen=FREE_TRIES + 1)
        self._waiting = 0

    async def hold(self, error: ApiError) -> ApiError:
        """The error to send: the given one, delayed when many wrong tokens came within a minute, or Busy."""
        if not isinstance(error, WrongToken):
            return error
        self._wrong.append(time.monotonic())
        if len(self._wrong) <= FREE_TRIES or self._wrong[-1] - self._wrong[0] > 60:
            return error
        if self._waiting >= MAX_SLOWED:
            return Busy("Too many wrong tokens were sent; try again later.")
        self._waiting += 1
        try:
            await asyncio.sleep(SLOW_S)
        finally:
            self._waiting -= 1
        return error


BRAKE = Brake()


def check_origin(headers: Mapping[str, str]) -> None:
    """Raise Forbidden for a request by a page of another site; browsers name the site, programs do not."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Forbidden("A page of another site may not change anything here.")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise Forbidden(f"A page of {origin[:80]!r} may not change anything here.")


class HostGuard:
    """ASGI middleware that applies ``check_host`` to a whole application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            try:
                self.check(scope, headers)
            except ApiError as error:
                refusal = await BRAKE.hold(error)
                await error_response(refusal, request_id_of(headers), path_of(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def check(self, scope: Scope, headers: Headers) -> None:  # noqa: ARG002 - a subclass uses it
        """Raise ApiError when the request is refused."""
        check_host(headers, self.settings)


class ChangeGuard(HostGuard):
    """``HostGuard`` that also applies ``check_change`` to all methods but GET, except on ``harmless`` paths."""

    def __init__(self, app: ASGIApp, settings: Settings, harmless: tuple[str, ...] = ()) -> None:
        super().__init__(app, settings)
        self._harmless = harmless

    def check(self, scope: Scope, headers: Headers) -> None:
        """Raise ApiError when the request is refused."""
        super().check(scope, headers)
        if scope["method"] not in SAFE_METHODS and not path_of(scope).startswith(self._harmless):
            check_change(headers, self.settings)
