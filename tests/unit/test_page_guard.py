"""The page's guard, in front of an application that answers everything."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from serve_deployments.http.errors import Busy, Forbidden, Unavailable
from serve_deployments.page import visitors as page_visitors
from serve_deployments.page.guard import MAX_EVENT_BYTES, MAX_FORM_BYTES, PageGuard
from serve_deployments.page.visitors import MAX_KEPT_BYTES, SESSIONS_A_MINUTE, Sessions, Uploads
from settings import Settings

LOCAL = Settings(air_mode="local")
PUBLIC = Settings(air_mode="public", air_host="0.0.0.0")
FILE = "/gradio_api/file="
JOIN, UPLOAD = "/gradio_api/queue/join", "/gradio_api/upload"
VISITOR = {"x-air-visitor": "192.0.2.7"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where uploads lie."""
    (tmp_path / "uploads" / "0a").mkdir(parents=True)
    return tmp_path / "uploads"


def _file(folder: Path, name: str = "0a/cat.png", content: bytes = b"meow") -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


class Page:
    """A minimal Gradio: an upload saves the named file in the folder; other routes echo the request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        self.asked.append(scope["path"])
        reply = [_file(self.folder, name) for name in json.loads(body)] if scope["path"] == UPLOAD else body.decode()
        await JSONResponse(reply)(scope, receive, send)


def _client(folder: Path, settings: Settings = LOCAL) -> TestClient:
    return TestClient(PageGuard(Page(folder), settings, folder, print), base_url="http://localhost")


def _code(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


@pytest.mark.parametrize("settings", [LOCAL, PUBLIC])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/theme.css",
        "/assets/index.js",
        "/static/img/logo.svg",
        "/gradio_api/app_id",
        "/gradio_api/startup-events",
        "/gradio_api/heartbeat/abc",
        "/gradio_api/queue/data?session_hash=abc",
        "/gradio_api/upload_progress?upload_id=abc",
    ],
)
def test_what_the_page_needs_is_let_through_with_strict_headers(folder: Path, settings: Settings, path: str) -> None:
    reply = _client(folder, settings).get(path)
    assert reply.status_code == 200
    policy = reply.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert policy.endswith("frame-ancestors 'none'" if settings is LOCAL else " 'self' https://huggingface.co")
    assert (reply.headers["x-content-type-options"], reply.headers["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize("settings", [LOCAL, PUBLIC])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{FILE}https://evil.example/x.png"),
        ("GET", f"{FILE}//evil.example/x.png"),
        ("GET", f"{FILE}/etc/hostname"),
        ("GET", f"{FILE}FOLDER/../../etc/hostname"),
        ("GET", f"{FILE}FOLDER/0a/left.png"),
        ("GET", "/gradio_api/file/etc/hostname"),
        ("GET", "/gradio_api/proxy=https://evil.example/x"),
        ("GET", "/gradio_api/deep_link?session_hash=abc"),
        ("GET", "/?deep_link=abc"),
        ("GET", "/config?deep_link=abc"),
        ("GET", "/gradio_api/custom_component/x%0Aline/a/b/c"),
        ("GET", "/gradio_api/openapi.json"),
        ("GET", "/monitoring"),
        ("GET", "/login_check"),
        ("POST", "/"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/call/predict"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/vibe-edit"),
        ("DELETE", JOIN),
        ("GET", UPLOAD),
    ],
)
def test_everything_else_of_gradio_is_not_there(folder: Path, settings: Settings, method: str, path: str) -> None:
    _file(folder, "0a/left.png")  # lies there, but no browser sent it to this page
    client = _client(folder, settings)
    assert _code(client.request(method, path.replace("FOLDER", str(folder)))) == (404, "not_found")
    assert client.app._app.asked == []


def test_picture_is_shown_and_named_by_who_uploaded_it_only(folder: Path) -> None:
    client = _client(folder)
    (path,) = client.post(UPLOAD, json=["0a/cat.png"]).json()
    assert client.get(FILE + path).status_code == 200
    event = {"fn_index": 1, "session_hash": "mine", "data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
    assert json.loads(client.post(JOIN, json=event).json()) == event
    assert client.post(JOIN, json=event).status_code == 200
    assert _code(client.post(JOIN, json=event | {"session_hash": "another"})) == (403, "forbidden")
    # Who sends the very same file has it as well.
    client.post(UPLOAD, json=["0a/cat.png"])
    assert client.post(JOIN, json=event | {"session_hash": "another"}).status_code == 200
    assert _code(client.post(JOIN, json=event | {"session_hash": "third"})) == (403, "forbidden")


@pytest.mark.parametrize(
    "data",
    [
        [{"path": "/etc/hostname"}],
        [{"path": "https://evil.example/x.png", "meta": {"_type": "gradio.FileData"}}],
        [{"path": "FOLDER/0a/link.png"}],
        [{"path": "FOLDER/0a/../../secret.png"}],
        [{"path": "FOLDER"}],
        [{"path": "a\0b"}],
        [{"path": ["/etc/hostname"]}],
        [[{"files": [{"path": "/etc/hostname"}]}]],
        [{"value": {"path": "/etc/hostname"}}],
        [{"path": ""}],
    ],
)
def test_event_names_no_file_of_the_server(folder: Path, data: list[Any]) -> None:
    (folder.parent / "secret.png").write_bytes(b"secret")
    (folder / "0a" / "link.png").symlink_to(folder.parent / "secret.png")
    client = _client(folder)
    for where in ("data", "event_data"):
        event = json.dumps({"fn_index": 1, "session_hash": "mine", where: data}).replace("FOLDER", str(folder))
        assert _code(client.post(JOIN, content=event)) == (403, "forbidden")
    assert client.app._app.asked == []


@pytest.mark.parametrize("body", ["", "[1]", "{}", '{"session_hash": 7}', "[" * 100_000, '{"session_hash": NaN'])
def test_body_that_is_no_event_is_refused(folder: Path, body: str) -> None:
    assert _code(_client(folder).post(JOIN, content=body)) == (400, "bad_request")


def test_large_bodies_are_refused_before_they_are_read(folder: Path) -> None:
    client = _client(folder)
    assert _code(client.post(JOIN, content=b" " * (MAX_EVENT_BYTES + 1))) == (413, "too_large")
    assert _code(client.post(JOIN, content=iter([b" " * MAX_EVENT_BYTES, b"  "]))) == (413, "too_large")
    announced = {"content-length": str(MAX_FORM_BYTES + 1)}
    assert _code(client.post(UPLOAD, content=b"", headers=announced)) == (413, "too_large")
    assert _code(client.post(UPLOAD, content=b"", headers={"content-length": "2e3"})) == (400, "bad_request")
    assert _code(client.post(UPLOAD, content=iter([b"[]"]))) == (400, "bad_request")
    assert client.app._app.asked == []


@pytest.mark.parametrize("site", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_pages_of_other_sites_get_nothing_done_in_local_mode(folder: Path, site: dict[str, str]) -> None:
    client, event = _client(folder), {"fn_index": 1, "session_hash": "theirs", "data": []}
    for path, body in ((UPLOAD, ["0a/cat.png"]), (JOIN, event)):
        assert _code(client.post(path, json=body, headers=site)) == (403, "forbidden")
    assert _code(client.get("/gradio_api/heartbeat/theirs", headers=site)) == (403, "forbidden")
    assert client.get("/", headers=site).status_code == 200  # a link to the page is no harm
    assert _client(folder, PUBLIC).post(JOIN, json=event, headers=site).status_code == 200
    assert _code(client.get("/", headers={"host": "evil.example"})) == (403, "forbidden")


def test_other_sites_may_show_it_in_a_frame_when_told() -> None:
    chosen = Settings(air_mode="public", air_frame_ancestors="https://studio.example https://*.example.org")
    assert chosen.frame_ancestors == "https://studio.example https://*.example.org"
    assert Settings(air_frame_ancestors="https://studio.example").frame_ancestors == "'none'"
    with pytest.raises(ValueError, match="with a space between them"):
        Settings(air_frame_ancestors="'self'; script-src *")


def test_one_visitor_opens_so_many_pages_a_minute() -> None:
    clock = [0.0]
    sessions = Sessions(lambda: clock[0])
    for number in range(SESSIONS_A_MINUTE):
        sessions.saw("one", f"new {number}")
    sessions.saw("one", "new 0")
    sessions.saw("another", "new")
    with pytest.raises(Busy, match="at most 30 a minute"):
        sessions.saw("one", "one more")
    clock[0] = 61
    sessions.saw("one", "one more")


def test_streams_of_all_pages_leave_room_for_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_visitors, "MAX_STREAMS", 2)
    sessions = Sessions()
    with sessions.stream("one"), sessions.stream("two"), pytest.raises(Busy), sessions.stream("three"):
        pass
    with sessions.stream("three"):
        assert sessions.is_alive("three")


def test_session_ends_a_minute_after_its_page_was_closed(folder: Path) -> None:
    ended: list[str] = []
    guard, clock = PageGuard(Page(folder), LOCAL, folder, ended.append), [0.0]
    guard.sessions = sessions = Sessions(lambda: clock[0])
    sessions.saw("", "never looked")
    with sessions.stream("open"):
        sessions.saw("", "open")
        clock[0] = 59
        asyncio.run(guard.sweep())
        assert ended == []
        clock[0] = 61
        asyncio.run(guard.sweep())
        assert ended == ["never looked"]
    clock[0] = 120
    asyncio.run(guard.sweep())
    assert ended == ["never looked"]
    clock[0] = 122
    asyncio.run(guard.sweep())
    assert ended == ["never looked", "open"]


def test_files_go_a_minute_after_the_page_that_has_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    sessions = Sessions(lambda: clock[0])
    uploads = Uploads(folder, sessions)
    monkeypatch.setattr(page_visitors, "LEFT_S", 0)  # files are as old as they are
    mine, left = _file(folder), _file(folder, "half")
    uploads.came("", [mine])
    uploads.claim(mine, "mine")
    with sessions.stream("mine"):
        asyncio.run(uploads.sweep())
        assert uploads.holds(mine)
        assert Path(mine).exists()
        assert not Path(left).exists()
    for _ in range(2):  # files, then folders
        asyncio.run(uploads.sweep())
    assert not uploads.holds(mine)
    assert list(folder.rglob("*")) == []
    with pytest.raises(Forbidden, match="no longer on the server"):
        uploads.claim(mine, "mine")


def test_released_file_stays_while_a_browser_may_load_it_or_another_session_has_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(folder, Sessions())
    mine, shared, again, anew = files = [_file(folder, f"0a/{name}") for name in ("mine", "shared", "again", "anew")]
    uploads.came("", [*files, shared])
    for path, session in (*((path, "me") for path in files), (shared, "you")):
        uploads.claim(path, session)
    for path in files:
        uploads.release(path, "me")
    os.utime(anew, (time.time() + 1,) * 2)  # written once more; the page has not been told yet
    uploads.came("", [_file(folder, "0a/again")])  # the same file is given once more
    asyncio.run(uploads.sweep())
    assert uploads.holds(mine)
    assert Path(mine).exists()
    monkeypatch.setattr(page_visitors, "LOADED_S", 0)
    asyncio.run(uploads.sweep())
    assert [uploads.holds(path) for path in files] == [False, True, True, True]
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["again", "anew", "shared"]
    uploads.claim(again, "me")


def test_event_may_release_only_files_of_its_own_session(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_visitors, "LOADED_S", 0)
    released: list[Any] = []

    class Releasing(Page):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == JOIN:
                released.append(scope["state"]["release"])
            await super().__call__(scope, receive, send)

    guard = PageGuard(Releasing(folder), LOCAL, folder, print)
    client = TestClient(guard, base_url="http://localhost")
    (path,) = client.post(UPLOAD, json=["0a/cat.png"]).json()
    for session, named in (("mine", [{"path": path}]), ("another", [])):
        client.post(JOIN, json={"fn_index": 1, "session_hash": session, "data": named})
    for session, kept in ((1, True), (0, False)):
        released[session](path)
        asyncio.run(guard.sweep())
        assert guard.uploads.holds(path) is kept


def test_nothing_of_an_upload_under_way_is_deleted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = Uploads(folder, Sessions())
    monkeypatch.setattr(page_visitors, "LEFT_S", 0)
    with uploads.arriving("", 100):
        part = _file(folder, "first of two")
        asyncio.run(uploads.sweep())
        assert Path(part).exists()
    asyncio.run(uploads.sweep())
    assert not Path(part).exists()


def test_room_for_files_is_limited_for_each_and_for_all(folder: Path) -> None:
    uploads = Uploads(folder, Sessions())
    a_quarter = MAX_KEPT_BYTES // 4
    with uploads.arriving("one", a_quarter):
        with pytest.raises(Unavailable, match="You have too many files"), uploads.arriving("one", a_quarter):
            pass
        with ExitStack() as others:
            for who in ("two", "three", "four"):
                others.enter_context(uploads.arriving(who, a_quarter))
            with pytest.raises(Unavailable, match="receiving too many files"), uploads.arriving("five", 1):
                pass
    with uploads.arriving("", MAX_KEPT_BYTES):
        pass  # who sits at the machine is counted with all others only


def test_visitor_is_who_haproxy_says_in_public_mode(folder: Path) -> None:
    event = {"fn_index": 1, "data": []}
    for settings, last in ((PUBLIC, 503), (LOCAL, 200)):
        client = _client(folder, settings)
        codes = [
            client.post(JOIN, json=event | {"session_hash": f"{number}"}, headers=VISITOR).status_code
            for number in range(SESSIONS_A_MINUTE + 1)
        ]
        assert codes == [200] * SESSIONS_A_MINUTE + [last]
