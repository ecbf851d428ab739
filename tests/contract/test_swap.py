"""Promotions in every replica, and everything that can be wrong with a version."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from models.artifact import checkpoint
from models.registry import Registry
from settings import ROOT, Settings
from tests.helpers.in_process.studio import Studio
from tests.helpers.samples import versions

MODEL = "/models/cifar10"
PICTURE = (ROOT / "docs" / "example.png").read_bytes()


@pytest.fixture(autouse=True)
def champion_is_the_shipped_one(admin: httpx.Client) -> None:
    """Each test begins with version 1 in service."""
    assert _promote(admin, "1", force=True).status_code == 200


def _serving(anyone: httpx.Client) -> set[str]:
    return {replica["version"] for replica in anyone.get(MODEL).json()["serving"]}


def _champion(anyone: httpx.Client) -> str:
    listed = anyone.get(MODEL).json()["versions"]
    return next(item["version"] for item in listed if "champion" in item["aliases"])


def _promote(admin: httpx.Client, version: str, **more: Any) -> httpx.Response:
    return admin.post(f"{MODEL}/promote", json={"version": version, **more})


def test_no_reply_names_the_old_version_after_the_call(
    public: Studio, anyone: httpx.Client, admin: httpx.Client
) -> None:
    url = "/cifar10/predict"
    for version in ("2", "1"):
        assert _promote(admin, version).status_code == 200
        for _ in range(20):
            reply = anyone.post(url, content=PICTURE, headers={"Content-Type": "image/png"}).json()
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
    public: Studio,
    anyone: httpx.Client,
    admin: httpx.Client,
    harm: Callable[[versions.State], None] | None,
    found: str,
) -> None:
    name = f"broken-{found.split()[0]}"
    version = versions.add_broken(public.home, name, harm or (lambda state: None))
    if harm is None:
        weights = public.home / "checkpoints" / "cifar10" / name / "weights.pt"
        weights.write_bytes(weights.read_bytes()[:-1000])
    refused = _promote(admin, version)
    assert refused.status_code == 409
    error = refused.json()["error"]
    assert "version 1 stays in service" in error["message"]
    assert found in error["message"]
    assert len({problem["replica"] for problem in error["detail"]["replicas"]}) == 2
    assert (_champion(anyone), _serving(anyone)) == ("1", {"1"})


def test_of_two_promotions_at_once_one_wins(anyone: httpx.Client, admin: httpx.Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: _promote(admin, "2"), range(4)))
    statuses = sorted(reply.status_code for reply in replies)
    assert statuses[0] == 200
    assert set(statuses[1:]) == {409}
    assert "under way" in next(reply for reply in replies if reply.status_code == 409).json()["error"]["message"]
    assert (_champion(anyone), _serving(anyone)) == ("2", {"2"})


def test_rollback_serves_the_one_before_and_history_tells(anyone: httpx.Client, admin: httpx.Client) -> None:
    _promote(admin, "2")
    before = len(anyone.get(f"{MODEL}/history").json()["moves"])
    state = admin.post(f"{MODEL}/rollback", json={"reason": "worse on frogs"}).json()
    assert {replica["version"] for replica in state["serving"]} == {"1"}
    aliases = {item["version"]: item["aliases"] for item in state["versions"]}
    assert (aliases["1"], aliases["2"]) == (["champion"], ["previous"])
    moves = anyone.get(f"{MODEL}/history").json()["moves"]
    assert len(moves) == before + 1
    newest = {key: moves[0][key] for key in ("kind", "version", "before", "reason")}
    assert newest == {"kind": "rollback", "version": "1", "before": "2", "reason": "worse on frogs"}


def test_promoting_what_serves_changes_nothing(anyone: httpx.Client, admin: httpx.Client) -> None:
    before = anyone.get(f"{MODEL}/history").json()
    reply = _promote(admin, _champion(anyone))
    assert reply.status_code == 200
    assert anyone.get(f"{MODEL}/history").json() == before


def test_promoting_a_champion_that_another_app_moved_puts_it_into_service_here(
    public: Studio, anyone: httpx.Client, admin: httpx.Client
) -> None:
    assert _promote(admin, "1", force=True).status_code == 200
    Registry(Settings(air_home=public.home)).set_champion("cifar10", "2")
    assert _serving(anyone) == {"1"}
    assert _promote(admin, "2").status_code == 200
    assert _serving(anyone) == {"2"}


def test_gate_stops_a_worse_version_unless_forced(public: Studio, anyone: httpx.Client, admin: httpx.Client) -> None:
    _promote(admin, "1")
    worse = versions.add_shifted(public.home, "worse", {"validation_accuracy": 0.5})
    refused = _promote(admin, worse)
    assert refused.status_code == 409
    champions = checkpoint.read_metadata(versions.SHIPPED / "cifar10").metrics["validation_accuracy"]
    error = refused.json()["error"]
    assert f"is 0.5000, the champion's {champions:.4f}" in error["message"]
    assert error["detail"]["gate"]["passed"] is False
    assert error["detail"]["gate"]["sentence"] in error["message"]
    assert _serving(anyone) == {"1"}
    assert _promote(admin, worse, force=True).status_code == 200
    assert _serving(anyone) == {worse}
    assert _promote(admin, "1").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/promote", {"version": "99"}, 404, "there are: "),
        ("/promote", {}, 422, "version"),
        ("/promote", {"version": 2}, 422, "must be text"),
        ("/promote", {"version": "2", "when": "now"}, 422, "when"),
        ("/promote", [], 422, "must be a JSON object"),
        ("/rollback", {"version": "1"}, 422, "version"),
    ],
)
def test_wrong_promotion_is_told_what_is_wrong(
    anyone: httpx.Client, admin: httpx.Client, path: str, body: Any, status: int, sentence: str
) -> None:
    reply = admin.post(f"{MODEL}{path}", json=body)
    assert reply.status_code == status
    assert sentence in reply.json()["error"]["message"]


def test_nothing_to_roll_back_to_is_a_conflict(api: httpx.Client) -> None:
    reply = api.post("/models/breast-cancer/rollback")
    assert reply.status_code == 409
    assert "nothing to roll back to" in reply.json()["error"]["message"]
