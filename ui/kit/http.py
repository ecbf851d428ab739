"""The connection to the API: requests, replies and failures, which are all raised as ApiError."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx

TIMEOUT = httpx.Timeout(30, connect=3)
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
NOT_UP = "The service does not answer: it is starting, or it is down."
TOO_SLOW = "The service took too long to answer."

# What a visitor's own request says about them, and their token: sent along when something is changed.
Headers = Sequence[tuple[bytes, bytes]]


class ApiError(Exception):
    """What went wrong, in the server's own sentence where it gave one."""

    def __init__(self, message: str, *, passing: bool = False, status: int = 0, detail: Any = None) -> None:
        """`passing` is true when the same call may well succeed in a few seconds."""
        super().__init__(message)
        self.passing = passing
        self.status = status
        self.detail = detail


class Connection:
    """Requests to the API at one address."""

    def __init__(self, api_url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport`` reaches an API without a socket, such as one in this process."""
        self.url = api_url.rstrip("/")
        # A proxy from the environment must not be used between this process and the same machine.
        direct = urlsplit(self.url).hostname in LOOPBACK
        self._http = httpx.AsyncClient(timeout=TIMEOUT, trust_env=not direct, transport=transport)
        self._known: dict[str, dict[str, Any]] = {}
        self._about: dict[str, dict[str, Any]] = {}

    async def _once(self, path: str, **options: Any) -> dict[str, Any]:
        """The reply to a request whose answer never changes; requested once."""
        key = f"{path} {options.get('params')}"
        if key not in self._known:
            self._known[key] = await self._json("GET", path, **options)
        return self._known[key]

    def _forget(self, path: str) -> None:
        """Request again what was requested once below this path."""
        self._known = {key: known for key, known in self._known.items() if not key.startswith(path)}

    async def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        reply = await self._send(method, path, **options)
        body = body_of(reply)
        if reply.is_success and isinstance(body, dict):
            return body
        raise error_of(reply, body)

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return await self._http.request(method, self.url + path, **options)
        except httpx.TimeoutException as error:
            raise ApiError(TOO_SLOW, passing=True) from error
        except httpx.HTTPError as error:
            raise ApiError(NOT_UP, passing=True) from error


def body_of(reply: httpx.Response) -> Any:
    """What a reply says as JSON; None where it is none."""
    try:
        return reply.json()
    except ValueError:
        return None


def error_of(reply: httpx.Response, body: Any) -> ApiError:
    """Why a reply is no answer."""
    busy = reply.status_code in (408, 429) or reply.status_code >= 502
    match body:
        case {"error": {"message": str(message), **rest}}:
            return ApiError(message, passing=busy, status=reply.status_code, detail=rest.get("detail"))
    # Not in the API's own shape: the proxy answered because the model's application is not up yet.
    return ApiError(NOT_UP, passing=busy or reply.status_code in (404, 500), status=reply.status_code)
