"""Permissions of the API in both modes."""

from __future__ import annotations

import httpx
import pytest

from tests.helpers.clients.screens import ADMIN_TOKEN

CHANGES = ["/models/cifar10/promote", "/models/breast-cancer/rollback"]


@pytest.mark.parametrize("path", CHANGES)
def test_local_api_refuses_foreign_changes(api: httpx.Client, path: str) -> None:
    for headers in (
        {"Host": "studio.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"X-Forwarded-For": "192.0.2.7"},
    ):
        reply = api.post(path, json={"version": "1"}, headers=headers)
        assert reply.status_code == 403, headers
        assert reply.json()["error"]["code"] == "forbidden"


def test_local_api_says_what_a_client_may_change(api: httpx.Client) -> None:
    assert api.get("/access").json() == {"mode": "local", "changes": "open"}
    forwarded = api.get("/access", headers={"X-Forwarded-For": "192.0.2.7"}).json()
    assert forwarded == {"mode": "local", "changes": "off"}


def test_local_api_lets_its_owner_change(api: httpx.Client) -> None:
    assert api.post("/models/cifar10/promote", json={"version": "1"}).status_code == 200


@pytest.mark.parametrize("path", CHANGES)
def test_public_api_asks_for_the_token(anyone: httpx.Client, path: str) -> None:
    assert anyone.get("/access").json() == {"mode": "public", "changes": "token"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {ADMIN_TOKEN}x"}):
        reply = anyone.post(path, json={"version": "1"}, headers=headers)
        assert reply.status_code == 401, headers
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert ADMIN_TOKEN not in reply.text
    assert anyone.post(f"{path}?token={ADMIN_TOKEN}", json={"version": "1"}).status_code == 401


def test_public_api_answers_anybody_under_any_name(anyone: httpx.Client) -> None:
    headers = {"Host": "studio.example", "X-Forwarded-For": "192.0.2.7", "Origin": "https://studio.example"}
    assert anyone.get("/models", headers=headers).status_code == 200


def test_every_change_that_the_documentation_names_asks_for_the_token(anyone: httpx.Client) -> None:
    """Predictions and the Open Inference Protocol change nothing; all other requests but GET do."""
    asked = []
    for path, methods in anyone.get("/openapi.json").json()["paths"].items():
        if path.endswith(("/predict", "/compare", "/infer")):
            continue
        for method in set(methods) - {"get"}:
            reply = anyone.request(method.upper(), path.replace("{", "").replace("}", ""), json={})
            assert reply.status_code == 401, (method, path)
            asked.append(path)
    assert len(asked) >= 10
