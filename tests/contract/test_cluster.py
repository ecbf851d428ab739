"""``/cluster``: Ray's state, and killed processes. The test sets Ray's state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest

from serve_deployments.cluster_view.ray_state import Placement, Process
from serve_deployments.routes import cluster as cluster_routes
from settings import ROOT
from tests.helpers.in_process.played import Played
from tests.helpers.in_process.studio import HERE, Studio

PICTURE = (ROOT / "docs" / "example.png").read_bytes()
IMAGES = "ServeReplica:cifar10:cifar10"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request reads the state again."""
    monkeypatch.setattr(cluster_routes, "FRESH_S", 0.0)


@pytest.fixture
def ray(public: Studio) -> Iterator[Any]:
    """Ray with the replicas of the studio; restored at the end of the test."""
    state = public.ray
    state.processes = [
        _process(11, IMAGES),
        _process(12, IMAGES),
        _process(13, "ServeReplica:breast-cancer:breast-cancer"),
        _process(14, "ServeReplica:control:control"),
        _process(15, "RegistryActor"),
    ]
    yield state
    state.processes, state.placements, state.commands, state.killed = [], [], {}, []
    state.on_kill = lambda process: None


def _process(pid: int, name: str, owner: str = "01", actor: str = "") -> Process:
    return Process(pid, HERE, "actor", name, owner, "alive", actor or str(pid))


def _answering(studio: Studio, monkeypatch: pytest.MonkeyPatch, pids: Callable[[], list[int]]) -> None:
    """Make the image model's replicas report these pids."""
    for place, app in enumerate(studio.replicas.apps["cifar10"]):
        figures = app.figures
        monkeypatch.setattr(app, "figures", lambda place=place, figures=figures: figures() | {"pid": pids()[place]})


def test_cluster_shows_its_node_its_replicas_and_what_each_process_does(anyone: httpx.Client, ray: Any) -> None:
    seen = anyone.get("/cluster").json()
    [node] = seen["nodes"]
    assert node["head"]
    assert (node["cpus"], node["cpus_used"]) == (8.0, 0.5)
    assert node["memory"]["total"] == psutil.virtual_memory().total
    assert node["object_store"]["total"] == 1024 * 1024**2
    assert {(one["model"], one["version"]) for one in seen["replicas"]} == {("cifar10", "1"), ("breast-cancer", "1")}
    assert len(seen["replicas"]) == 3
    assert {one["pid"] for one in seen["replicas"]} == {os.getpid()}
    roles = {one["pid"]: (one["workload"], one["does"]) for one in seen["processes"]}
    killable = {one["pid"]: one["killable"] for one in seen["processes"]}
    assert killable == {11: "replica", 12: "replica", 13: "replica", 14: None, 15: None}
    assert roles[11] == ("serving", "replica of cifar10: answers predictions")
    assert roles[14] == ("serving", "answers about models and jobs")
    assert roles[15] == ("own", "manages the versions")
    assert seen["actors"] == {"alive": 5}


def test_replica_says_what_it_has_answered(anyone: httpx.Client, ray: Any) -> None:
    def answered() -> int:
        return sum(one["requests"] for one in anyone.get("/cluster").json()["replicas"] if one["model"] == "cifar10")

    before = answered()
    for _ in range(5):
        assert anyone.post("/cifar10/predict", content=PICTURE, headers={"Content-Type": "image/png"}).is_success
    assert answered() == before + 5
    for one in anyone.get("/cluster").json()["replicas"]:
        assert not one["requests"] or one["p50_ms"] <= one["p99_ms"]


def test_process_of_a_job_names_its_model_and_its_job(
    public: Studio, anyone: httpx.Client, admin: httpx.Client, ray: Any
) -> None:
    job_id = admin.post("/jobs", json={"kind": "train", "model": "cifar10"}).json()["id"]
    running = Played(public, job_id)
    ray.commands = {"02": f"python -m training.jobs.runner /home/jobs/{job_id}"}
    ray.processes += [_process(21, "RayTrainWorker", "02"), _process(22, "RayTrainWorker", "02")]
    ray.placements = [Placement("p", "PACK", "created", [(HERE, {"CPU": 1.0}), (HERE, {"CPU": 1.0})])]
    seen = anyone.get("/cluster").json()
    worker = next(one for one in seen["processes"] if one["pid"] == 21)
    assert (worker["workload"], worker["model"], worker["job"]) == ("training", "cifar10", job_id)
    assert [bundle["resources"] for bundle in seen["placements"][-1]["bundles"]] == [{"CPU": 1.0}] * 2
    assert [(job["kind"], job["state"]) for job in seen["queue"]] == [("train", "running")]
    running.succeed({"version": "1", "metrics": {}})
    assert anyone.get("/cluster").json()["queue"] == []


def test_admin_kills_a_replica_and_reads_how_long_it_took(
    public: Studio, admin: httpx.Client, ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = [11, 12]
    _answering(public, monkeypatch, lambda: pids)

    def start_another(victim: Process) -> None:
        pids[pids.index(victim.pid)] = 99

    ray.on_kill = start_another
    outcome = admin.post("/cluster/kill", json={"kind": "replica", "pid": 12}).json()
    assert ray.killed == [12]
    assert (outcome["kind"], outcome["pid"], outcome["replaced_by"], outcome["node"]) == ("replica", 12, 99, HERE)
    assert outcome["seconds"] >= 0


def test_without_a_pid_a_replica_goes_of_the_model_that_has_the_most(
    public: Studio, admin: httpx.Client, ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = [11, 12]
    _answering(public, monkeypatch, lambda: pids)
    ray.on_kill = lambda victim: pids.__setitem__(pids.index(victim.pid), 99)
    assert admin.post("/cluster/kill", json={"kind": "replica"}).json()["pid"] == 11


def test_killed_training_worker_is_replaced_with_all_of_its_training(admin: httpx.Client, ray: Any) -> None:
    ray.commands = {"02": "python -m training.cifar10"}
    ray.processes += [_process(21, "RayTrainWorker", "02"), _process(22, "RayTrainWorker", "02")]

    def start_anew(victim: Process) -> None:
        ray.processes = [one for one in ray.processes if one.name != "RayTrainWorker"]
        ray.processes += [_process(31, "RayTrainWorker", "02"), _process(32, "RayTrainWorker", "02")]

    ray.on_kill = start_anew
    outcome = admin.post("/cluster/kill", json={"kind": "training_worker"}).json()
    assert (outcome["pid"], outcome["replaced_by"]) == (21, 31)


def test_killed_worker_of_a_training_that_ends_with_it_has_no_successor(admin: httpx.Client, ray: Any) -> None:
    ray.commands = {"02": "python -m training.cifar10"}
    ray.processes += [_process(21, "RayTrainWorker", "02")]
    ray.on_kill = lambda victim: ray.commands.clear()
    outcome = admin.post("/cluster/kill", json={"kind": "training_worker"}).json()
    assert (outcome["pid"], outcome["replaced_by"], outcome["seconds"]) == (21, None, None)


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"kind": "replica", "pid": 1}, 404, "No replica has the pid 1; there are 11, 12, 13."),
        ({"kind": "training_worker"}, 409, "No training with separate workers is running."),
        ({"kind": "controller"}, 422, "Field 'kind'"),
        ({"kind": "replica", "pid": 0}, 422, "Field 'pid'"),
        ({"kind": "replica", "all": True}, 422, "Field 'all'"),
        ({}, 422, "Field 'kind'"),
    ],
)
def test_what_cannot_be_killed_is_refused_with_a_sentence(
    admin: httpx.Client, ray: Any, body: dict[str, Any], status: int, sentence: str
) -> None:
    reply = admin.post("/cluster/kill", json=body)
    assert reply.status_code == status
    assert sentence in reply.json()["error"]["message"]
    assert ray.killed == []


def test_nobody_else_kills_anything(anyone: httpx.Client, ray: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert anyone.post("/cluster/kill", json={"kind": "replica"}, headers=headers).status_code == 401
    assert ray.killed == []


def test_routes_are_documented_with_their_schemas(anyone: httpx.Client) -> None:
    document = anyone.get("/openapi.json").json()
    replies = document["paths"]["/cluster"]["get"]["responses"]
    assert replies["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Cluster")
    kill = document["paths"]["/cluster/kill"]["post"]
    assert kill["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/KillRequest")
    assert set(kill["responses"]) >= {"200", "401", "403", "404", "409", "422", "503"}
    assert set(document["components"]["schemas"]["KillRequest"]["properties"]) == {"kind", "pid"}
