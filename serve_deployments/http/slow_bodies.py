"""A deadline for request bodies: without it, a client that sends drop by drop could hold a slot for ever."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_deployments.http.errors import SlowBody, error_response, path_of, request_id_of


class BodyDeadline:
    """ASGI middleware: 408 when a body is not complete after ``seconds``, except on ``patient`` paths."""

    def __init__(self, app: ASGIApp, seconds: float, patient: tuple[str, ...] = ()) -> None:
        self._app = app
        self._seconds = seconds
        self._patient = patient

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope)
        if scope["type"] != "http" or path.startswith(self._patient):
            await self._app(scope, receive, send)
            return
        deadline = asyncio.get_running_loop().time() + self._seconds
        complete = answered = refused = False

        async def receive_in_time() -> Message:
            nonlocal complete, refused
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                if not answered:
                    refused = True
                    error = SlowBody(f"The body was not complete after {self._seconds:g} s.")
                    reply = error_response(error, request_id_of(Headers(scope=scope)), path)
                    await reply(scope, receive, send)
                return {"type": "http.disconnect"}
            complete = not message.get("more_body", False)
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal answered
            answered = True
            if not refused:
                await send(message)

        await self._app(scope, receive_in_time, send_unless_refused)
