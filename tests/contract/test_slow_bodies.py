"""A body that never ends: every route that reads one answers 408 after the deadline, in its own error form."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from serve_deployments.control import build_api
from settings import Settings

DEADLINE_S = 0.2


async def _ask(path: str, limit_s: float = 10) -> tuple[int, Any]:
    """Status and JSON of a POST whose body stops after a brace; TimeoutError without a reply."""
    api = build_api(Settings(air_deadline_s=DEADLINE_S))
    sent: list[dict[str, Any]] = []
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> dict[str, Any]:
        for part in parts:
            return part
        return await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = {"host": "localhost", "content-type": "application/json", "content-length": "20000"}
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": f"/api{path}",
        "root_path": "/api",
        "query_string": b"model=cifar10",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await asyncio.wait_for(api(scope, receive, send), limit_s)
    body = b"".join(message.get("body", b"") for message in sent)
    assert [message["type"] for message in sent].count("http.response.start") == 1
    return sent[0]["status"], json.loads(body)


@pytest.mark.parametrize("path", ["/jobs", "/models/cifar10/promote", "/cluster/kill"])
def test_slow_json_is_told_so(path: str) -> None:
    status, reply = asyncio.run(_ask(path))
    assert (status, reply["error"]["code"]) == (408, "request_timeout")
    assert "0.2 s" in reply["error"]["message"]


@pytest.mark.parametrize("model", ["cifar10", "breast-cancer"])
def test_slow_tensors_are_told_so_in_the_protocols_form(model: str) -> None:
    status, reply = asyncio.run(_ask(f"/v2/models/{model}/infer"))
    assert (status, reply["error"]) == (408, "The body was not complete after 0.2 s.")
