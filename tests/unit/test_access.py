"""Who may ask and who may change: the two modes, for every kind of header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from serve_deployments.access import MAX_KEPT_BYTES, PageGuard, changes_allowed, check_change, check_host
from serve_deployments.errors import ApiError, Forbidden, Unauthorized
from settings import FORWARDED, Settings
from ui.visitor import PASSED_ON

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
        *(({name: "any"}, LOCAL, Forbidden, "through a proxy") for name in FORWARDED),
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


def test_page_passes_on_by_what_its_visitors_request_would_be_refused() -> None:
    names = {"x-forwarded-port", "x-forwarded-server", "cf-connecting-ip", "true-client-ip", "x-client-ip", "via"}
    assert names <= set(FORWARDED) < set(PASSED_ON)


def test_local_mode_binds_loopback_only() -> None:
    with pytest.raises(ValueError, match="set AIR_MODE=public"):
        Settings(air_mode="local", air_host="0.0.0.0")


def test_token_is_never_printed() -> None:
    assert "secret-ä" not in f"{WITH_TOKEN!r} {WITH_TOKEN.model_dump_json()}"


def test_page_takes_no_more_files_while_too_many_lie_there(tmp_path: Path) -> None:
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("taken")(scope, receive, send)

    guarded = TestClient(PageGuard(page, LOCAL, tmp_path), base_url="http://localhost")
    assert guarded.post("/gradio_api/upload").text == "taken"
    with (tmp_path / "large.zip").open("wb") as file:
        file.truncate(MAX_KEPT_BYTES + 1)
    refused = guarded.post("/gradio_api/upload")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    assert guarded.get("/").text == "taken"
