"""Promotions during kills: alias and service agree in the end, of a shipped model and of one's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from models.registry import Registry
from settings import get_settings
from tests.helpers.clients.jobs import QUICK, Jobs
from tests.helpers.clients.own_models import add_vines


@pytest.fixture(scope="module", params=["cifar10", "vine"])
def model(request: pytest.FixtureRequest, public_app: RunningApp, admin: requests.Session) -> Iterator[str]:
    """A shipped model and one that is added here; each has two versions, of which the first is the champion."""
    if request.param == "cifar10":
        yield request.param
        return
    api, jobs = f"{public_app.url}/api", Jobs(public_app, admin)
    add_vines(api, admin, request.param)
    for depth in (1, 2):
        job = jobs.wait_until_ended(jobs.start(request.param, QUICK | {"max_depth": depth}))
        assert job["state"] == "succeeded", job["error"]
    yield request.param
    assert admin.delete(f"{api}/models/{request.param}").status_code == 204


@pytest.fixture(scope="module")
def models_url(public_app: RunningApp, model: str) -> str:
    return f"{public_app.url}/api/models/{model}"


def _serving(models_url: str) -> set[str]:
    return {replica["version"] for replica in requests.get(models_url).json()["serving"]}


def _champion(models_url: str) -> str:
    listed = requests.get(models_url).json()["versions"]
    return next(item["version"] for item in listed if "champion" in item["aliases"])


def _stored_champion(app: RunningApp, model: str) -> str:
    """What AIR_HOME says, whatever the app does; its models are known to a process that has the same one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIR_HOME", str(app.home))
        get_settings.cache_clear()
        version = Registry(get_settings()).resolve(model).version
    get_settings.cache_clear()
    return version


def _promote(admin: requests.Session, models_url: str, version: str, **more: Any) -> requests.Response:
    return admin.post(f"{models_url}/promote", json={"version": version, **more})


def test_replica_that_starts_again_comes_back_with_the_champion(
    public_app: RunningApp, admin: requests.Session, model: str, models_url: str
) -> None:
    assert _promote(admin, models_url, "2", force=True).status_code == 200
    before = {replica["replica"] for replica in requests.get(models_url).json()["serving"]}
    replicas = public_app.processes(f"ServeReplica:{model}:{model}")
    replicas[0].kill()
    deadline = time.monotonic() + 90
    serving: dict[str, str] = {}
    while not (len(serving) == len(before) and set(serving) != before) and time.monotonic() < deadline:
        time.sleep(0.2)
        serving = {item["replica"]: item["version"] for item in requests.get(models_url).json()["serving"]}
    assert len(set(serving) - before) == 1, serving
    assert set(serving.values()) == {"2"}
    assert _promote(admin, models_url, "1", force=True).status_code == 200


def test_killed_in_the_middle_of_a_promotion_alias_and_service_agree(
    public_app: RunningApp, admin: requests.Session, model: str, models_url: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        promotion = pool.submit(_try, lambda: _promote(admin, models_url, "2", force=True))
        time.sleep(0.15)
        public_app.stop(9)
        public_app.start()  # which ends HAProxy too, where the call still waits
        promotion.result()
    deadline = time.monotonic() + 60
    while not _serving(models_url) and time.monotonic() < deadline:  # a model that was added comes after the others
        time.sleep(0.2)
    champion = _stored_champion(public_app, model)
    assert champion in ("1", "2")
    assert (_champion(models_url), _serving(models_url)) == (champion, {champion})
    assert _promote(admin, models_url, "1", force=True).status_code == 200


def _try(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except requests.RequestException as error:
        return error
