"""A request's body has to arrive in time: who sends it by the drop would hold a place for as long as they like."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_deployments.errors import ApiError, SlowBody, request_id_of

Refusal = Callable[[str, ApiError, str], Response]


class BodyDeadline:
    """ASGI middleware that answers 408 when a body is not complete after ``seconds``, other than on ``patient`` paths.

    ``refusal`` makes the reply of a path, an error and a request id.
    """

    def __init__(self, app: ASGIApp, seconds: float, refusal: Refusal, patient: tuple[str, ...] = ()) -> None:
        self._app = app
        self._seconds = seconds
        self._refusal = refusal
        self._patient = patient

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
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
                    reply = self._refusal(path, error, request_id_of(Headers(scope=scope)))
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
