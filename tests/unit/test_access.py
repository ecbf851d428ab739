"""Who may ask and who may change: the two modes, on a running app and for every kind of header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from serve_deployments.access import MAX_KEPT_BYTES, PageGuard, changes_allowed, check_change, check_host
from serve_deployments.errors import ApiError, Forbidden, Unauthorized
from settings import Settings
from tests.conftest import ADMIN_TOKEN
from tests.helpers.running_app import RunningApp

PREDICTIONS_PER_MINUTE = 300
LOCAL = Settings(air_mode="local")
READ_ONLY = Settings(air_mode="public", air_host="0.0.0.0")
WITH_TOKEN = Settings(air_mode="public", air_host="0.0.0.0", air_admin_token="secret-ä")


def _refusal(headers: dict[str, str], settings: Settings) -> ApiError | None:
    try:
        check_change({"host": "localhost:7860"} | headers, settings)
    except ApiError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("headers", "settings", "refused", "sentence"),
    [
        ({}, LOCAL, None, ""),
        ({"origin": "http://localhost:7860", "sec-fetch-site": "same-origin"}, LOCAL, None, ""),
        ({"origin": "http://localhost:3000"}, LOCAL, Forbidden, "localhost:3000"),
        ({"origin": "https://evil.example"}, LOCAL, Forbidden, "evil.example"),
        ({"origin": "null"}, LOCAL, Forbidden, "null"),
        ({"sec-fetch-site": "cross-site"}, LOCAL, Forbidden, "another site"),
        ({"x-forwarded-for": "192.0.2.7"}, LOCAL, Forbidden, "through a proxy"),
        ({"forwarded": "for=192.0.2.7"}, LOCAL, Forbidden, "through a proxy"),
        ({"x-real-ip": "192.0.2.7"}, LOCAL, Forbidden, "through a proxy"),
        ({}, READ_ONLY, Forbidden, "read-only demo"),
        ({"authorization": "Bearer anything"}, READ_ONLY, Forbidden, "read-only demo"),
        ({}, WITH_TOKEN, Unauthorized, "send the admin's token"),
        ({"authorization": "Bearer"}, WITH_TOKEN, Unauthorized, "send the admin's token"),
        ({"authorization": "Basic secret-ä"}, WITH_TOKEN, Unauthorized, "send the admin's token"),
        ({"authorization": "Bearer wrong"}, WITH_TOKEN, Unauthorized, "wrong"),
        ({"authorization": "Bearer secret-ä "}, WITH_TOKEN, None, ""),
        ({"authorization": "bearer secret-ä", "x-forwarded-for": "192.0.2.7"}, WITH_TOKEN, None, ""),
    ],
)
def test_who_may_change_something(
    headers: dict[str, str], settings: Settings, refused: type[ApiError] | None, sentence: str
) -> None:
    refusal = _refusal(headers, settings)
    assert type(refusal) is (refused or type(None))
    assert sentence in str(refusal)


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("localhost:7860", True),
        ("127.0.0.1", True),
        ("[::1]:7860", True),
        ("LOCALHOST", True),
        ("studio.example", False),
        ("localhost.studio.example:7860", False),
        ("127.0.0.1.studio.example", False),
        ("", False),
    ],
)
def test_local_mode_answers_to_the_names_of_this_machine_only(host: str, answers: bool) -> None:
    if answers:
        check_host({"host": host}, LOCAL)
    else:
        with pytest.raises(Forbidden, match="answers to localhost only"):
            check_host({"host": host}, LOCAL)
    check_host({"host": host}, READ_ONLY)


def test_a_client_is_told_what_it_may_change() -> None:
    assert changes_allowed({}, LOCAL) == "open"
    assert changes_allowed({"x-forwarded-for": "192.0.2.7"}, LOCAL) == "off"
    assert changes_allowed({}, READ_ONLY) == "off"
    assert changes_allowed({}, WITH_TOKEN) == "token"


def test_local_mode_binds_loopback_only() -> None:
    with pytest.raises(ValueError, match="set AIR_MODE=public"):
        Settings(air_mode="local", air_host="0.0.0.0")


def test_token_is_never_printed() -> None:
    assert "secret-ä" not in f"{WITH_TOKEN!r} {WITH_TOKEN.model_dump_json()}"


CHANGES = ["/models/cifar10/promote", "/models/breast-cancer/rollback"]


def _change(app: RunningApp, path: str, **headers: str) -> requests.Response:
    return requests.post(f"{app.url}/api{path}", json={"version": "1"}, headers=headers)


@pytest.mark.parametrize("path", CHANGES)
def test_running_local_app_refuses_foreign_changes(app: RunningApp, path: str) -> None:
    for headers in (
        {"Host": "studio.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"X-Forwarded-For": "192.0.2.7"},
    ):
        reply = _change(app, path, **headers)
        assert reply.status_code == 403, headers
        assert reply.json()["error"]["code"] == "forbidden"
    assert requests.get(f"{app.url}/api/access").json() == {"mode": "local", "changes": "open"}
    forwarded = requests.get(f"{app.url}/api/access", headers={"X-Forwarded-For": "192.0.2.7"}).json()
    assert forwarded == {"mode": "local", "changes": "off"}


def test_running_local_app_lets_its_owner_change(app: RunningApp) -> None:
    assert _change(app, "/models/cifar10/promote").status_code == 200


@pytest.mark.parametrize("path", CHANGES)
def test_running_public_app_asks_for_the_token(public_app: RunningApp, path: str) -> None:
    assert requests.get(f"{public_app.url}/api/access").json() == {"mode": "public", "changes": "token"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {ADMIN_TOKEN}x"}):
        reply = _change(public_app, path, **headers)
        assert reply.status_code == 401, headers
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert ADMIN_TOKEN not in reply.text
    assert _change(public_app, f"{path}?token={ADMIN_TOKEN}").status_code == 401


def test_running_public_app_answers_anybody_under_any_name(public_app: RunningApp) -> None:
    headers = {"Host": "studio.example", "X-Forwarded-For": "192.0.2.7", "Origin": "https://studio.example"}
    assert requests.get(f"{public_app.url}/api/models", headers=headers).status_code == 200
    reply: Any = requests.get(public_app.url, headers=headers)
    assert reply.status_code == 200


def test_replicas_own_ports_refuse_what_the_public_port_refuses(public_app: RunningApp) -> None:
    """Serve's replicas listen beside the public port; who reaches one gets no further."""
    ports = sorted(
        {
            connection.laddr.port
            for process in public_app.processes("ServeReplica:control")
            for connection in process.net_connections("tcp")
            if connection.status == "LISTEN" and connection.laddr.port >= 30_000
        }
    )
    statuses = []
    for port in ports:
        try:
            reply = requests.post(
                f"http://127.0.0.1:{port}/api/models/cifar10/promote", json={"version": "2"}, timeout=5
            )
        except requests.RequestException:
            continue
        statuses.append(reply.status_code)
    assert 401 in statuses
    assert set(statuses) <= {401, 404}


def test_page_takes_no_more_files_while_too_many_lie_there(tmp_path: Path) -> None:
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("taken")(scope, receive, send)

    guarded = TestClient(PageGuard(page, tmp_path), base_url="http://localhost")
    assert guarded.post("/gradio_api/upload").text == "taken"
    with (tmp_path / "large.zip").open("wb") as file:
        file.truncate(MAX_KEPT_BYTES + 1)
    refused = guarded.post("/gradio_api/upload")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    assert guarded.get("/").text == "taken"


def test_client_that_predicts_too_often_waits_and_others_do_not(public_app: RunningApp) -> None:
    url = f"{public_app.url}/api/breast-cancer/predict"
    session = requests.Session()

    def ask(*client: str) -> requests.Response:
        return session.post(url, json=[], headers={"X-Forwarded-For": ", ".join(client)} if client else {})

    statuses = [ask("192.0.2.9").status_code for _ in range(PREDICTIONS_PER_MINUTE)]
    assert set(statuses) == {422}
    refused = ask("192.0.2.9")
    assert refused.status_code == 429
    assert (refused.headers["Retry-After"], refused.json()["error"]["code"]) == ("30", "too_many_requests")
    disguised = url.replace("predict", "predic%74")
    assert requests.post(disguised, json=[], headers={"X-Forwarded-For": "192.0.2.9"}).status_code == 429
    assert ask("198.51.100.1", "192.0.2.9").status_code == 429, "an address put in front bought another go"
    assert ask("192.0.2.10").status_code == 422
    assert ask().status_code == 422, "who sits at the machine itself is not counted"
    looked = requests.get(f"{public_app.url}/api/models", headers={"X-Forwarded-For": "192.0.2.9"})
    assert looked.status_code == 200
