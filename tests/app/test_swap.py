"""Putting versions into service under load, and everything that can be wrong with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import requests

from models import catalog, checkpoint
from models.images import decode
from models.registry import Registry
from settings import ROOT, Settings
from tests.helpers import versions
from tests.helpers.load import Load
from tests.helpers.running_app import RunningApp

MOVES = 12
PICTURE = (ROOT / "docs" / "example.png").read_bytes()


@pytest.fixture(scope="module")
def models_url(public_app: RunningApp) -> str:
    return f"{public_app.url}/api/models/cifar10"


def _serving(models_url: str) -> set[str]:
    return {replica["version"] for replica in requests.get(models_url).json()["serving"]}


def _champion(models_url: str) -> str:
    listed = requests.get(models_url).json()["versions"]
    return next(item["version"] for item in listed if "champion" in item["aliases"])


def _promote(admin: requests.Session, models_url: str, version: str, **more: Any) -> requests.Response:
    return admin.post(f"{models_url}/promote", json={"version": version, **more})


def _labels() -> dict[str, str]:
    """What each version says about the picture: version 2 says the next class."""
    model = catalog.load(ROOT / "models" / "pretrained" / "cifar10")
    best = int(np.argmax(model.predict(decode(PICTURE, 32)[None])[0]))
    return {"1": model.labels[best], "2": model.labels[(best + 1) % 10]}


def test_promotion_drops_no_request(public_app: RunningApp, admin: requests.Session, models_url: str) -> None:
    """Moves back and forth under 32 connections: every reply is 200 and names the version that really answered."""
    labels = _labels()
    assert _promote(admin, models_url, "1", force=True).status_code == 200
    moves: list[tuple[float, float, str]] = []
    url = f"{public_app.url}/api/cifar10/predict"
    with Load(url, 32, data=PICTURE, headers={"Content-Type": "image/png"}) as load:
        load.wait_for(100)
        for i in range(MOVES):
            began, version = time.monotonic(), "21"[i % 2]
            state = _promote(admin, models_url, version).json()
            moves.append((began, time.monotonic(), version))
            assert [replica["version"] for replica in state["serving"]] == [version, version]
        load.wait_for(100)
    assert load.failed == []
    answered = {(a.body["model"]["version"], a.body["predictions"][0]["label"]) for a in load.answers}
    assert answered == set(labels.items())
    for answer in load.answers:
        served_before = ["1", *(version for _, ended, version in moves if ended < answer.sent)][-1]
        moved_meanwhile = {version for began, ended, version in moves if began < answer.done and ended > answer.sent}
        assert answer.body["model"]["version"] in {served_before, *moved_meanwhile}


def test_no_reply_names_the_old_version_after_the_call(
    public_app: RunningApp, admin: requests.Session, models_url: str
) -> None:
    url = f"{public_app.url}/api/cifar10/predict"
    for version in ("2", "1"):
        assert _promote(admin, models_url, version).status_code == 200
        for _ in range(20):
            reply = requests.post(url, data=PICTURE, headers={"Content-Type": "image/png"}).json()
            assert reply["model"]["version"] == version


def _nan(state: versions.State) -> None:
    state["head.weight"] *= float("nan")


def _wrong_shape(state: versions.State) -> None:
    state["head.weight"] = state["head.weight"][:, :10].clone()


def _other_answers(state: versions.State) -> None:
    state["head.weight"] = state["head.weight"].roll(1, 0)


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (_nan, "NaN or infinity"),
        (_wrong_shape, "does not fit the network"),
        (_other_answers, "golden answers differ"),
        (None, "weights.pt has"),
    ],
    ids=["nan", "shape", "answers", "truncated"],
)
def test_broken_version_is_refused_by_every_replica(
    public_app: RunningApp,
    admin: requests.Session,
    models_url: str,
    harm: Callable[[versions.State], None] | None,
    found: str,
) -> None:
    name = f"broken-{found.split()[0]}"
    version = versions.add_broken(public_app.home, name, harm or (lambda state: None))
    if harm is None:
        weights = public_app.home / "checkpoints" / "cifar10" / name / "weights.pt"
        weights.write_bytes(weights.read_bytes()[:-1000])
    refused = _promote(admin, models_url, version)
    assert refused.status_code == 409
    error = refused.json()["error"]
    assert "version 1 keeps answering" in error["message"]
    assert found in error["message"]
    assert len({problem["replica"] for problem in error["detail"]["replicas"]}) == 2
    assert (_champion(models_url), _serving(models_url)) == ("1", {"1"})


def test_of_two_promotions_at_once_one_wins(admin: requests.Session, models_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: _promote(admin, models_url, "2"), range(4)))
    statuses = sorted(reply.status_code for reply in replies)
    assert statuses[0] == 200
    assert set(statuses[1:]) == {409}
    assert "under way" in next(reply for reply in replies if reply.status_code == 409).json()["error"]["message"]
    assert (_champion(models_url), _serving(models_url)) == ("2", {"2"})


def test_rollback_serves_the_one_before_and_history_tells(admin: requests.Session, models_url: str) -> None:
    _promote(admin, models_url, "2")
    before = len(requests.get(f"{models_url}/history").json()["moves"])
    state = admin.post(f"{models_url}/rollback", json={"reason": "worse on frogs"}).json()
    assert {replica["version"] for replica in state["serving"]} == {"1"}
    aliases = {item["version"]: item["aliases"] for item in state["versions"]}
    assert (aliases["1"], aliases["2"]) == (["champion"], ["previous"])
    moves = requests.get(f"{models_url}/history").json()["moves"]
    assert len(moves) == before + 1
    newest = {key: moves[0][key] for key in ("kind", "version", "before", "reason")}
    assert newest == {"kind": "rollback", "version": "1", "before": "2", "reason": "worse on frogs"}


def test_promoting_what_serves_changes_nothing(admin: requests.Session, models_url: str) -> None:
    before = requests.get(f"{models_url}/history").json()
    reply = _promote(admin, models_url, _champion(models_url))
    assert reply.status_code == 200
    assert requests.get(f"{models_url}/history").json() == before


def test_promoting_a_champion_that_another_app_moved_puts_it_into_service_here(
    public_app: RunningApp, admin: requests.Session, models_url: str
) -> None:
    assert _promote(admin, models_url, "1", force=True).status_code == 200
    Registry(Settings(air_home=public_app.home)).set_champion("cifar10", "2")
    assert _serving(models_url) == {"1"}
    assert _promote(admin, models_url, "2").status_code == 200
    assert _serving(models_url) == {"2"}


def test_gate_stops_a_worse_version_unless_forced(
    public_app: RunningApp, admin: requests.Session, models_url: str
) -> None:
    _promote(admin, models_url, "1")
    worse = versions.add_shifted(public_app.home, "worse", {"validation_accuracy": 0.5})
    refused = _promote(admin, models_url, worse)
    assert refused.status_code == 409
    champions = checkpoint.read_metadata(versions.SHIPPED / "cifar10").metrics["validation_accuracy"]
    assert f"is 0.5000, the champion's {champions:.4f}" in refused.json()["error"]["message"]
    assert _serving(models_url) == {"1"}
    assert _promote(admin, models_url, worse, force=True).status_code == 200
    assert _serving(models_url) == {worse}
    assert _promote(admin, models_url, "1").status_code == 200


def test_replica_that_starts_again_comes_back_with_the_champion(
    public_app: RunningApp, admin: requests.Session, models_url: str
) -> None:
    _promote(admin, models_url, "2")
    before = {replica["replica"] for replica in requests.get(models_url).json()["serving"]}
    replicas = public_app.processes("ServeReplica:cifar10:cifar10")
    replicas[0].kill()
    deadline = time.monotonic() + 90
    serving: dict[str, str] = {}
    while not (len(serving) == 2 and set(serving) != before) and time.monotonic() < deadline:
        time.sleep(0.2)
        serving = {item["replica"]: item["version"] for item in requests.get(models_url).json()["serving"]}
    assert len(set(serving) - before) == 1, serving
    assert set(serving.values()) == {"2"}
    assert _promote(admin, models_url, "1").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/promote", {"version": "99"}, 404, "there are: "),
        ("/promote", {}, 422, "version"),
        ("/promote", {"version": 2}, 422, "string"),
        ("/promote", {"version": "2", "when": "now"}, 422, "when"),
        ("/promote", [], 422, "dictionary"),
        ("/rollback", {"version": "1"}, 422, "version"),
    ],
)
def test_wrong_promotion_is_told_what_is_wrong(
    admin: requests.Session, models_url: str, path: str, body: Any, status: int, sentence: str
) -> None:
    reply = admin.post(f"{models_url}{path}", json=body)
    assert reply.status_code == status
    assert sentence in reply.json()["error"]["message"]


def test_nothing_to_roll_back_to_is_a_conflict(app: RunningApp) -> None:
    reply = requests.post(f"{app.url}/api/models/breast-cancer/rollback")
    assert reply.status_code == 409
    assert "nothing to roll back to" in reply.json()["error"]["message"]


def test_killed_in_the_middle_of_a_promotion_alias_and_service_agree(
    public_app: RunningApp, admin: requests.Session, models_url: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        promotion = pool.submit(_try, lambda: _promote(admin, models_url, "2"))
        time.sleep(0.15)
        public_app.stop(9)
        public_app.start()  # which ends HAProxy too, where the call still waits
        promotion.result()
    champion = Registry(Settings(air_home=public_app.home)).resolve("cifar10").version
    assert champion in ("1", "2")
    assert (_champion(models_url), _serving(models_url)) == (champion, {champion})
    assert _promote(admin, models_url, "1").status_code == 200


def _try(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except requests.RequestException as error:
        return error
