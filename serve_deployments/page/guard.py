"""The routes of Gradio that the page needs, each with its limits; ``app.build_page`` puts this in front of the page.

Gradio also has routes that read files, fetch addresses or store what clients send. Every route that is not
listed here is a 404.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_deployments.http.access import SAFE_METHODS, check_host, check_origin
from serve_deployments.http.bodies import replayed
from serve_deployments.http.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    NotFound,
    TimedOut,
    TooLarge,
    error_response,
    request_id_of,
)
from serve_deployments.page.visitors import Sessions, Uploads
from settings import MAX_UPLOAD_BYTES, Settings

GRADIO = "/gradio_api/"
FILE, HEARTBEAT = f"{GRADIO}file=", f"{GRADIO}heartbeat/"
STREAMS = (HEARTBEAT, f"{GRADIO}queue/data", f"{GRADIO}upload_progress")
PAGES = {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt"}
PAGES |= {f"{GRADIO}{name}" for name in ("app_id", "info", "startup-events", "theme.css")}
FOLDERS = ("/assets/", "/static/")

MAX_EVENT_BYTES = 1024**2
MAX_FORM_BYTES = MAX_UPLOAD_BYTES + 1024**2  # the files and the form around them
EVENT_TOO_LARGE = f"An event of the page has at most {MAX_EVENT_BYTES:,} bytes."
EVENT_S, UPLOAD_S, SWEEP_S = 15, 900, 10
# Gradio's page has inline scripts and styles, and compiles functions from text.
CONTENT = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-src 'none'; frame-ancestors "
)


class PageGuard:
    """ASGI middleware: an allow-list, limits per visitor, and strict security headers."""

    def __init__(self, app: ASGIApp, settings: Settings, folder: Path, end: Callable[[str], object]) -> None:
        """``folder`` is where Gradio stores uploads; ``end`` is called with each session that has ended."""
        self._app = app
        self._settings = settings
        self._end = end
        self._headers = {
            "Content-Security-Policy": CONTENT + settings.frame_ancestors,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        self.sessions = Sessions()
        self.uploads = Uploads(folder, self.sessions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            sweeping = asyncio.create_task(self._sweep_on())
            try:
                await self._app(scope, receive, send)
            finally:
                sweeping.cancel()
        elif scope["type"] == "http":
            headers = Headers(scope=scope)
            strict = _with_headers(send, self._headers)
            try:
                await self._answer(scope, headers, receive, strict)
            except ApiError as error:
                await error_response(error, request_id_of(headers))(scope, receive, strict)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def sweep(self) -> None:
        """End the sessions of closed pages, and delete the files that only they had."""
        for session in self.sessions.forget():
            self._end(session)
        await self.uploads.sweep()

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.sweep()

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Answer a listed route. Raises ApiError before anything is sent."""
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        check_host(headers, self._settings)
        if self._settings.air_mode == "local" and (path.startswith(GRADIO) or scope["method"] not in SAFE_METHODS):
            check_origin(headers)
        visitor = headers.get("x-air-visitor", "") if self._settings.air_mode == "public" else ""
        match scope["method"], path:
            case "POST", "/gradio_api/queue/join":
                session, receive = await self._event(visitor, headers, receive)
                state = scope.get("state", {}) | {"release": lambda path: self.uploads.release(path, session)}
                await self._app({**scope, "state": state}, receive, send)
            case "POST", "/gradio_api/upload":
                await self._upload(visitor, scope, headers, receive, send)
            case "GET", _ if path.startswith(STREAMS):
                with self.sessions.stream(_session_of(scope, path)):
                    await self._app(scope, receive, send)
            case "GET" | "HEAD", _ if self._is_shown(path, scope):
                await self._app(scope, receive, send)
            case _:
                raise NotFound("There is nothing here.")

    def _is_shown(self, path: str, scope: Scope) -> bool:
        if path.startswith(FILE):
            return self.uploads.holds(path.removeprefix(FILE))
        return (path in PAGES and b"deep_link" not in scope["query_string"]) or path.startswith(FOLDERS)

    async def _event(self, visitor: str, headers: Headers, receive: Receive) -> tuple[str, Receive]:
        """Its session, and the event replayed for Gradio, if it is small and names only files of that session."""
        if (_announced(headers) or 0) > MAX_EVENT_BYTES:
            raise TooLarge(EVENT_TOO_LARGE)
        body = await _body(receive)
        try:
            event = json.loads(body)
            session = event["session_hash"]
            named = list(_paths_in(event))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BadRequest("This is not an event of the page.") from None
        if not isinstance(session, str):
            raise BadRequest("This is not an event of the page.")
        self.sessions.saw(visitor, session)
        for path in named:
            self.uploads.claim(path, session)
        return session, replayed(body, receive)

    async def _upload(self, visitor: str, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Accept files if their size is announced and there is room for them."""
        size = _announced(headers)
        if size is None:
            raise BadRequest("The upload has no Content-Length; send the size of the files with it.")
        if size > MAX_FORM_BYTES:
            raise TooLarge(f"The files may have {MAX_UPLOAD_BYTES // 1024**2} MB in total.")
        with self.uploads.arriving(visitor, size):
            reply: list[bytes] = []

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.body":
                    reply.append(message.get("body", b""))
                    if not message.get("more_body"):
                        self.uploads.came(visitor, _paths_of(b"".join(reply)))
                await send(message)

            try:
                async with asyncio.timeout(UPLOAD_S):
                    await self._app(scope, receive, sent)
            except TimeoutError:
                raise TimedOut(f"The files did not arrive within {UPLOAD_S // 60} minutes.") from None


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return sent


def _announced(headers: Headers) -> int | None:
    """Content-Length. Raises BadRequest when it is not a number."""
    length = headers.get("content-length")
    if length is None:
        return None
    if not re.fullmatch("[0-9]{1,15}", length):
        raise BadRequest("Content-Length is not a number.")
    return int(length)


def _session_of(scope: Scope, path: str) -> str:
    if path.startswith(HEARTBEAT):
        return path.removeprefix(HEARTBEAT)
    return parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]


async def _body(receive: Receive) -> bytes:
    """A body of at most MAX_EVENT_BYTES. Raises TooLarge, or TimedOut when it takes longer than EVENT_S."""
    body = bytearray()
    try:
        async with asyncio.timeout(EVENT_S):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > MAX_EVENT_BYTES:
                    raise TooLarge(EVENT_TOO_LARGE)
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise TimedOut(f"The event did not arrive within {EVENT_S} s.") from None


def _paths_in(value: Any) -> Iterator[str]:
    """Everything in an event that Gradio could treat as a file. Raises Forbidden for a path that is not text."""
    if isinstance(value, dict):
        if "path" in value:
            if not isinstance(value["path"], str):
                raise Forbidden("Name a file by the path that the upload returned.")
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _paths_in(part)


def _paths_of(reply: bytes) -> list[str]:
    """The files that Gradio's reply names; none where it refused them."""
    with suppress(ValueError):
        paths = json.loads(reply)
        if isinstance(paths, list):
            return [path for path in paths if isinstance(path, str)]
    return []
