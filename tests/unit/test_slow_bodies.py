"""``BodyDeadline``: requests that it does not affect."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from serve_deployments.http.slow_bodies import BodyDeadline

DEADLINE_S = 0.05


def _statuses(path: str, app: Any, body_after_s: float, wait_s: float = 1.0) -> list[int]:
    """The replies that begin when a body of one part comes after so many seconds."""
    began: list[int] = []

    async def ask() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(body_after_s)
            return {"type": "http.request", "body": b"all"}

        async def send(message: dict[str, Any]) -> None:
            began.extend([message["status"]] if "status" in message else [])

        guarded = BodyDeadline(app, DEADLINE_S, ("/slow",))
        scope = {"type": "http", "path": path, "root_path": "", "headers": []}
        await asyncio.wait_for(guarded(scope, receive, send), wait_s)

    asyncio.run(ask())
    return began


async def _reads(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    await Response(status_code=200 if message["type"] == "http.request" else 400)(scope, receive, send)


async def _answers_first(scope: Any, receive: Any, send: Any) -> None:
    await Response(status_code=200)(scope, receive, send)
    assert (await receive())["type"] == "http.disconnect"


async def _works_long(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await asyncio.sleep(4 * DEADLINE_S)
    await Response(status_code=200)(scope, receive, send)


def test_late_body_is_refused_once_whatever_the_route_then_says() -> None:
    assert _statuses("/quick", _reads, body_after_s=0.5) == [408]


def test_patient_path_waits() -> None:
    assert _statuses("/slow/part", _reads, body_after_s=4 * DEADLINE_S) == [200]


def test_route_that_has_its_body_may_work_on() -> None:
    assert _statuses("/quick", _works_long, body_after_s=0) == [200]


def test_reply_that_has_begun_is_not_followed_by_another() -> None:
    assert _statuses("/quick", _answers_first, body_after_s=0.5) == [200]
