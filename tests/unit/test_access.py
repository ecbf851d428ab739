"""The access rules of the two modes, for every kind of header."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from serve_deployments.http import access
from serve_deployments.http.access import changes_allowed, check_change, check_host
from serve_deployments.http.errors import ApiError, BadRequest, Forbidden, Unauthorized
from settings import FORWARDED, Settings
from tests.helpers.clients.screens import ADMIN_TOKEN
from ui.kit.visitor import PASSED_ON

LOCAL = Settings(air_mode="local")
READ_ONLY = Settings(air_mode="public", air_host="0.0.0.0")
WITH_TOKEN = Settings(air_mode="public", air_host="0.0.0.0", air_admin_token="secret-ä-of-16-letters")


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
        ({"authorization": "Basic secret-ä-of-16-letters"}, WITH_TOKEN, Unauthorized, "send the admin's token"),
        ({"authorization": "Bearer wrong"}, WITH_TOKEN, access.WrongToken, "wrong"),
        ({"authorization": "Bearer secret-ä-of-16-letters "}, WITH_TOKEN, None, ""),
        ({"authorization": "bearer secret-ä-of-16-letters", "x-forwarded-for": "192.0.2.7"}, WITH_TOKEN, None, ""),
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
    ],
)
def test_local_mode_answers_to_the_names_of_this_machine_only(host: str, answers: bool) -> None:
    if answers:
        check_host({"host": host}, LOCAL)
    else:
        with pytest.raises(Forbidden, match="answers to localhost only"):
            check_host({"host": host}, LOCAL)
    check_host({"host": host}, READ_ONLY)


def test_request_without_a_host_is_told_so_in_local_mode() -> None:
    with pytest.raises(BadRequest, match="no Host header"):
        check_host({}, LOCAL)
    check_host({}, READ_ONLY)


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
    assert "secret-ä-of-16-letters" not in f"{WITH_TOKEN!r} {WITH_TOKEN.model_dump_json()}"


class Clock:
    """A clock that the test sets; ``slept`` is the time waited."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.slept = 1000.0, 0.0
        monkeypatch.setattr(access.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(access.asyncio, "sleep", self._sleep)
        monkeypatch.setattr(access, "BRAKE", access.Brake())

    async def _sleep(self, seconds: float) -> None:
        self.slept += seconds


def _guarded() -> TestClient:
    return TestClient(
        access.ChangeGuard(PlainTextResponse("changed"), Settings(air_mode="public", air_admin_token=ADMIN_TOKEN))
    )


def test_who_tries_token_after_token_waits_and_the_right_one_never_does(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, client = Clock(monkeypatch), _guarded()
    wrong = {"authorization": "Bearer wrong"}
    right = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    assert [client.post("/", headers=wrong).status_code for _ in range(10)] == [401] * 10
    assert clock.slept == 0
    assert client.post("/", headers=wrong).status_code == 401
    assert clock.slept == 1
    assert client.post("/").status_code == 401
    assert client.post("/", headers=right).text == "changed"
    assert clock.slept == 1
    clock.now += 61
    assert client.post("/", headers=wrong).status_code == 401
    assert clock.slept == 1


def test_so_many_wait_with_a_wrong_token_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "SLOW_S", 0.05)

    async def all_at_once() -> list[ApiError]:
        brake = access.Brake()
        return await asyncio.gather(*(brake.hold(access.WrongToken("no")) for _ in range(40)))

    answers = asyncio.run(all_at_once())
    assert [type(answer).__name__ for answer in answers] == ["WrongToken"] * 30 + ["Busy"] * 10


def test_hash_of_the_token_is_enough_to_know_it() -> None:
    known = Settings(air_mode="public", air_admin_token_sha256=WITH_TOKEN.admin_token_sha256)
    assert _refusal({"authorization": "Bearer secret-ä-of-16-letters"}, known) is None
    assert isinstance(_refusal({"authorization": f"Bearer {known.admin_token_sha256}"}, known), Unauthorized)
