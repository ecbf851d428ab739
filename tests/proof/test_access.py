"""The limits of one client of the running public app, and the answers of its page."""

from __future__ import annotations

import requests

from benchmarks.harness.running_app import RunningApp
from tests.helpers.clients.screens import ADMIN_TOKEN

PREDICTIONS_PER_MINUTE = 300


def test_page_is_there_under_any_name(public_app: RunningApp) -> None:
    headers = {"Host": "studio.example", "X-Forwarded-For": "192.0.2.7", "Origin": "https://studio.example"}
    assert requests.get(public_app.url, headers=headers).status_code == 200


def test_processes_of_ray_know_the_hash_of_the_token_and_not_the_token(public_app: RunningApp) -> None:
    rays = [process.environ() for process in public_app.processes() if process.pid != public_app.process.pid]
    assert any("AIR_ADMIN_TOKEN_SHA256" in environment for environment in rays)
    assert not [environment for environment in rays if ADMIN_TOKEN in environment.values()]


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
