"""Closed by default: what listens is what docs/security.md says, and nothing of Ray's answers without the token."""

from __future__ import annotations

import time
from pathlib import Path

import grpc
import pytest
import requests
from ray.core.generated import (
    core_worker_pb2,
    core_worker_pb2_grpc,
    gcs_service_pb2,
    gcs_service_pb2_grpc,
    node_manager_pb2,
    node_manager_pb2_grpc,
)
from ray.serve.generated import serve_pb2, serve_pb2_grpc

from tests import sockets
from tests.running_app import RunningApp

DONE_S = 240
FIRST_HTTP_PORT = 30_000
CHANGES = ["/api/models/cifar10/promote", "/api/cluster/kill"]


def _ports(app: RunningApp, process: str, loopback: bool = True) -> list[int]:
    found = sockets.listening(app)
    return sorted(one.port for one in found if one.process.startswith(process) and one.on_loopback == loopback)


@pytest.fixture
def training(app: RunningApp):
    """A training of images with two workers, which have found each other; it is stopped afterwards."""
    jobs = f"{app.url}/api/jobs"
    config = {"preset": "quick", "epochs": 500, "max_images": 500, "num_workers": 2}
    job = requests.post(jobs, json={"kind": "train", "model": "cifar10", "config": config}).json()
    deadline = time.monotonic() + DONE_S
    while not (told := requests.get(f"{jobs}/{job['id']}").json())["metrics"]:
        assert told["state"] in ("queued", "running"), told
        assert time.monotonic() < deadline, told
        time.sleep(0.5)
    yield
    requests.post(f"{jobs}/{job['id']}/cancel")


def test_every_socket_that_listens_is_named_in_the_docs_and_no_other(app: RunningApp, training: None) -> None:
    found = sockets.listening(app)
    rows = sockets.documented()
    assert len(rows) >= 10
    unnamed = [one for one in found if not any(row.covers(one, app) for row in rows)]
    assert unnamed == []
    assert [row for row in rows if not any(row.covers(one, app) for one in found)] == []


def test_one_port_of_each_replica_alone_listens_beyond_this_machine(app: RunningApp, training: None) -> None:
    beyond = [one.process for one in sockets.listening(app) if not one.on_loopback]
    replicas = [process.cmdline()[0] for process in app.processes("ray::ServeReplica:")]
    assert sorted(beyond) == sorted(replicas)


def _status(call, request) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as refused:
        call(request, timeout=10)
    return refused.value.code()


def test_ray_answers_nothing_without_the_token(app: RunningApp) -> None:
    [gcs] = _ports(app, "gcs_server")
    with grpc.insecure_channel(f"127.0.0.1:{gcs}") as channel:
        nodes = gcs_service_pb2_grpc.NodeInfoGcsServiceStub(channel)
        jobs = gcs_service_pb2_grpc.JobInfoGcsServiceStub(channel)
        asked = [
            (nodes.GetAllNodeInfo, gcs_service_pb2.GetAllNodeInfoRequest()),
            (jobs.GetAllJobInfo, gcs_service_pb2.GetAllJobInfoRequest()),
        ]
        assert [_status(*one) for one in asked] == [grpc.StatusCode.UNAUTHENTICATED] * 2
    answers = []
    for port in _ports(app, "raylet"):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            raylet = node_manager_pb2_grpc.NodeManagerServiceStub(channel)
            answers.append(_status(raylet.GetNodeStats, node_manager_pb2.GetNodeStatsRequest()))
    assert set(answers) == {grpc.StatusCode.UNAUTHENTICATED}
    [worker] = _ports(app, "ray::JobSupervisor")
    with grpc.insecure_channel(f"127.0.0.1:{worker}") as channel:
        service = core_worker_pb2_grpc.CoreWorkerServiceStub(channel)
        answer = _status(service.GetCoreWorkerStats, core_worker_pb2.GetCoreWorkerStatsRequest())
        assert answer == grpc.StatusCode.UNAUTHENTICATED


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
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            replica = serve_pb2_grpc.ASGIServiceStub(channel)
            assert _status(replica.HandleRequest, serve_pb2.ASGIRequest()) == grpc.StatusCode.UNAUTHENTICATED


def _replies_of_replicas(app: RunningApp, ask) -> list[int]:
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

    assert set(_replies_of_replicas(app, ask)) == {403}


@pytest.mark.parametrize("path", CHANGES)
def test_replicas_own_ports_refuse_changes_that_the_public_port_refuses(public_app: RunningApp, path: str) -> None:
    def ask(url: str) -> requests.Response:
        return requests.post(url + path, json={"version": "2", "kind": "replica"}, timeout=10)

    assert ask(public_app.url).status_code == 401
    statuses = _replies_of_replicas(public_app, ask)
    assert 401 in statuses
    # A replica of the page or of a model has no such route.
    assert set(statuses) <= {401, 404, 405}
