"""Closed by default: only the sockets of docs/security.md listen, and none of Ray's answers without the token."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import psutil
import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from tests.helpers.clients import sockets

DONE_S = 400
FIRST_HTTP_PORT = 30_000
CHANGES = ["/api/models/cifar10/promote", "/api/cluster/kill"]


def _ports(app: RunningApp, process: str, loopback: bool = True) -> list[int]:
    found = sockets.listening(app)
    return sorted(one.port for one in found if one.process.startswith(process) and one.on_loopback == loopback)


@pytest.fixture(scope="module")
def training(app: RunningApp) -> Iterator[None]:
    """A training of images with two connected workers, which is stopped afterwards."""
    jobs = f"{app.url}/api/jobs"
    config = {"preset": "quick", "epochs": 500, "max_images": 500, "num_workers": 2}
    job = requests.post(jobs, json={"kind": "train", "model": "cifar10", "config": config}).json()
    deadline = time.monotonic() + DONE_S
    while not (state := requests.get(f"{jobs}/{job['id']}").json())["metrics"]:
        assert state["state"] in ("queued", "running"), state
        assert time.monotonic() < deadline, state
        time.sleep(0.5)
    yield
    # An app that has ended for another one's sake has taken its training with it.
    with suppress(requests.ConnectionError):
        requests.post(f"{jobs}/{job['id']}/cancel")


def test_every_socket_that_listens_is_named_in_the_docs_and_no_other(app: RunningApp, training: None) -> None:
    found = sockets.listening(app)
    rows = sockets.documented()
    assert len(rows) >= 10
    unnamed = [one for one in found if not any(row.covers(one, app) for row in rows)]
    assert unnamed == []
    assert [row for row in rows if not any(row.covers(one, app) for one in found)] == []


def test_only_a_port_of_each_replica_and_where_training_workers_meet_listen_beyond_this_machine(
    app: RunningApp, training: None
) -> None:
    beyond = [one.process.partition(".")[0] for one in sockets.listening(app) if not one.on_loopback]
    replicas = [process.cmdline()[0].partition(".")[0] for process in app.processes("ray::ServeReplica:")]
    assert sorted(beyond) == sorted([*replicas, "ray::RayTrainWorker"])


def test_at_an_address_for_all_the_public_port_alone_is_open(
    tmp_path_factory: pytest.TempPathFactory, start_app: Callable[[RunningApp], RunningApp]
) -> None:
    home = tmp_path_factory.mktemp("everywhere") / "home"
    app = start_app(RunningApp(home, AIR_MODE="public", AIR_HOST="0.0.0.0"))
    beyond = {one for one in sockets.listening(app) if not one.on_loopback}
    assert [one.port for one in beyond if one.process == "haproxy"] == [app.port]
    replicas = {one.port for one in beyond if one.process.startswith("ray::ServeReplica:")}
    assert len(replicas) == len(app.processes("ray::ServeReplica:")), "more than the gRPC port of each"
    assert {one.process.partition(":")[0] for one in beyond} == {"haproxy", "ray"}
    cards = psutil.net_if_addrs().values()
    own = [one.address for card in cards for one in card if one.family == socket.AF_INET]
    for address in own:
        url = f"http://{address}:{app.port}/api/healthz"
        assert requests.get(url, headers={"Host": "studio.example"}, timeout=10).status_code == 200


def _refusal(port: int, method: str) -> str:
    """The answer of one of Ray's gRPC ports to a call without the token."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(f"/ray.{method}")(b"", timeout=20)
    return refused.value.code().name


def test_ray_answers_nothing_without_the_token(app: RunningApp) -> None:
    [gcs] = _ports(app, "gcs_server")
    for method in ("rpc.NodeInfoGcsService/GetAllNodeInfo", "rpc.JobInfoGcsService/GetAllJobInfo"):
        assert _refusal(gcs, method) == "UNAUTHENTICATED"
    raylet = _ports(app, "raylet")
    for method in ("rpc.NodeManagerService/GetNodeStats", "rpc.ObjectManagerService/Push"):
        # One port places work, the other moves objects; neither knows the calls of the other.
        assert sorted(_refusal(port, method) for port in raylet) == ["UNAUTHENTICATED", "UNIMPLEMENTED"]
    [worker] = _ports(app, "ray::JobSupervisor")
    assert _refusal(worker, "rpc.CoreWorkerService/GetCoreWorkerStats") == "UNAUTHENTICATED"


def test_token_is_readable_for_its_user_alone(app: RunningApp) -> None:
    assert (Path.home() / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600


def test_agent_that_takes_jobs_answers_nothing_without_the_token(app: RunningApp) -> None:
    statuses = set()
    for port in _ports(app, "ray::DashboardAgent"):
        try:
            reply = requests.get(f"http://127.0.0.1:{port}/api/job_agent/jobs/", timeout=5)
        except requests.RequestException:
            continue  # it speaks gRPC there
        # One port has text for Prometheus, whatever the path.
        if not reply.text.startswith("# HELP"):
            statuses.add(reply.status_code)
    assert statuses == {401}


def test_open_port_of_a_replica_answers_nothing_without_the_token(app: RunningApp) -> None:
    ports = _ports(app, "ray::ServeReplica:", loopback=False)
    assert len(ports) >= 5
    for port in ports:
        assert _refusal(port, "serve.ASGIService/HandleRequest") == "UNAUTHENTICATED"


def _replies_of_replicas(app: RunningApp, ask: Callable[[str], requests.Response]) -> list[int]:
    ports = [port for port in _ports(app, "ray::ServeReplica:") if FIRST_HTTP_PORT <= port < FIRST_HTTP_PORT + 1_000]
    statuses = []
    for port in ports:
        try:
            statuses.append(ask(f"http://127.0.0.1:{port}").status_code)
        except requests.RequestException:
            continue  # one that speaks gRPC and came to lie here by chance
    assert len(statuses) >= 5
    return statuses


@pytest.mark.parametrize("path", ["/", "/api/models", "/api/cifar10/predict", "/api/breast-cancer/predict"])
def test_replicas_own_ports_refuse_foreign_names(app: RunningApp, path: str) -> None:
    def ask(url: str) -> requests.Response:
        return requests.get(url + path, headers={"Host": "studio.example"}, timeout=10)

    statuses = _replies_of_replicas(app, ask)
    assert 403 in statuses
    # A replica has nothing at the paths of another.
    assert set(statuses) <= {403, 404}


@pytest.mark.parametrize("path", CHANGES)
def test_replicas_own_ports_refuse_changes_that_the_public_port_refuses(public_app: RunningApp, path: str) -> None:
    def ask(url: str) -> requests.Response:
        return requests.post(url + path, json={"version": "2", "kind": "replica"}, timeout=10)

    assert ask(public_app.url).status_code == 401
    statuses = _replies_of_replicas(public_app, ask)
    assert 401 in statuses
    # A replica of the page or of a model has no such route.
    assert set(statuses) <= {401, 404, 405}
