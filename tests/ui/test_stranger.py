"""What a client without a browser can do to the page: forged events, and the routes of Gradio."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio.routes import App

from tests.helpers.in_process.studio import Studio

SECRET = "only this server knows"
NEEDED = {
    *("/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt"),
    *("/static/x", "/assets/x"),
    *(f"/gradio_api/{name}" for name in ("app_id", "info", "startup-events", "theme.css")),
    *(f"/gradio_api/{name}" for name in ("heartbeat/x", "queue/data", "upload_progress")),
}
DATA, JOIN, UPLOAD = (f"/gradio_api/{name}" for name in ("queue/data", "queue/join", "upload"))


@pytest.fixture(params=["local", "public"])
def studio(request: pytest.FixtureRequest) -> Studio:
    """Each of both modes."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def stranger(studio: Studio) -> httpx.Client:
    """A client that is not a browser."""
    with httpx.Client(base_url=studio.url, timeout=60) as client:
        yield client


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """A file of the server."""
    path = tmp_path / "secret.csv"
    path.write_text(SECRET)
    return str(path)


def _handlers(client: httpx.Client) -> list[dict[str, Any]]:
    return [one for one in client.get("/config").json()["dependencies"] if one["backend_fn"]]


def test_no_handler_takes_a_file_that_its_session_did_not_upload(stranger: httpx.Client, secret: str) -> None:
    handlers = _handlers(stranger)
    assert len(handlers) > 50
    theirs = stranger.post("/gradio_api/upload", files={"files": ("their.png", b"their own")}).json()[0]
    named = {"session_hash": "owner", "fn_index": handlers[0]["id"], "data": [{"path": theirs}]}
    assert stranger.post(JOIN, json=named).status_code == 200
    for handler in handlers:
        for path in (secret, theirs, "https://evil.example/x.png"):
            file = {"path": path, "orig_name": "x.png", "meta": {"_type": "gradio.FileData"}}
            event = {
                "fn_index": handler["id"],
                "session_hash": "stranger",
                "data": [file if number % 2 else [file] for number in range(1 + len(handler["inputs"]))],
                "event_data": {"file": file},
            }
            reply = stranger.post(JOIN, json=event)
            assert (reply.status_code, reply.json()["error"]["code"]) == (403, "forbidden"), handler


def test_no_handler_takes_a_text_for_a_file_or_changes_anything(public: Studio, secret: str) -> None:
    jobs, models = (public.client().get(path).json() for path in ("/jobs", "/models"))
    with httpx.Client(base_url=public.url, timeout=60) as stranger:
        handlers = _handlers(stranger)
        said = dict.fromkeys(("job", "example", "label", "asked", "correction", "train", "version"), secret)
        for handler in handlers:
            data = [secret] * len(handler["inputs"])
            event = {"fn_index": handler["id"], "session_hash": "stranger", "data": data, "event_data": said}
            assert stranger.post(JOIN, json=event).status_code == 200
        answers = _answers(stranger, "stranger", len(handlers))
    assert SECRET not in answers
    assert [public.client().get(path).json() for path in ("/jobs", "/models")] == [jobs, models]


def _answers(client: httpx.Client, session: str, number: int) -> str:
    """All messages for this many events of a session."""
    lines, ended = [], 0
    with client.stream("GET", DATA, params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            lines.append(line)
            ended += line.startswith("data:") and json.loads(line[5:])["msg"] == "process_completed"
            if ended == number:
                break
    return "\n".join(lines)


def test_no_route_of_gradio_that_the_page_does_not_need_is_there(stranger: httpx.Client) -> None:
    routes = {
        (method.upper(), re.sub(r"\{[^}]*\}", "x", path).rstrip("/") or "/")
        for path, methods in App.create_app(gr.Blocks()).openapi()["paths"].items()
        for method in methods
    }
    assert len(routes) > 60
    for method, path in sorted(routes):
        if (path in NEEDED and method in {"GET", "HEAD"}) or (method, path) in {("POST", JOIN), ("POST", UPLOAD)}:
            continue
        assert stranger.request(method, path).status_code == 404, (method, path)


def test_what_strangers_upload_is_served_as_what_it_is_and_nothing_else_is(stranger: httpx.Client, secret: str) -> None:
    page = b"<script>alert(1)</script>"
    path = stranger.post(UPLOAD, files={"files": ("x.html", page, "text/html")}).json()[0]
    reply = stranger.get(f"/gradio_api/file={path}")
    assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.headers["x-content-type-options"] == "nosniff"
    for address in (secret, f"{path}/../../../secret.csv", "http://127.0.0.1:1/x.png", f"file://{secret}"):
        assert stranger.get(f"/gradio_api/file={address}").status_code == 404
