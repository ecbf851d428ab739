"""Killed processes of a running app, by the admin or the system, are replaced."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from settings import ROOT
from tests.helpers.clients.load import Load

PICTURE = (ROOT / "docs" / "example.png").read_bytes()
PNG = {"Content-Type": "image/png"}
DONE_S = 240


@pytest.fixture
def url(public_app: RunningApp) -> str:
    return f"{public_app.url}/api/cluster"


def _look(url: str) -> dict[str, Any]:
    reply = requests.get(url, timeout=30)
    assert reply.status_code == 200, reply.text
    return reply.json()


def _until(url: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first state for which a condition is true."""
    deadline = time.monotonic() + DONE_S
    while not true(seen := _look(url)):
        assert time.monotonic() < deadline, seen
        time.sleep(0.3)
    return seen


def _pids(seen: dict[str, Any], name: str) -> set[int]:
    return {process["pid"] for process in seen["processes"] if process["name"] == name}


@pytest.fixture
def training(public_app: RunningApp, admin: requests.Session, jobs: str) -> Iterator[str]:
    """A training of images with two workers; its route."""
    config = {"preset": "quick", "epochs": 500, "max_images": 500, "num_workers": 2}
    job = admin.post(jobs, json={"kind": "train", "model": "cifar10", "config": config}).json()
    yield f"{jobs}/{job['id']}"
    admin.post(f"{jobs}/{job['id']}/cancel")


def test_process_that_dies_leaves_the_picture_and_a_new_one_comes_while_predictions_are_answered(public_app, url):
    before = _pids(_look(url), "ServeReplica:cifar10:cifar10")
    assert len(before) == 2
    victim = min(before)
    with Load(f"{public_app.url}/api/cifar10/predict", 4, 0.05, data=PICTURE, headers=PNG) as load:
        load.wait_for(10)
        os.kill(victim, signal.SIGKILL)
        gone = _until(url, lambda seen: victim not in _pids(seen, "ServeReplica:cifar10:cifar10"))
        assert _pids(gone, "ServeReplica:cifar10:cifar10") >= before - {victim}
        _until(
            url, lambda seen: len({one["pid"] for one in seen["replicas"] if one["model"] == "cifar10"} - before) == 1
        )
        load.wait_for(10)
    assert load.failed == []


def test_admin_kills_a_replica_and_is_told_how_long_it_took(public_app, admin, url):
    victim = max(one["pid"] for one in _look(url)["replicas"] if one["model"] == "cifar10")
    with Load(f"{public_app.url}/api/cifar10/predict", 4, 0.05, data=PICTURE, headers=PNG) as load:
        load.wait_for(10)
        reply = admin.post(f"{url}/kill", json={"kind": "replica", "pid": victim}, timeout=120)
    assert load.failed == []
    outcome = reply.json()
    assert reply.status_code == 200, outcome
    assert (outcome["kind"], outcome["pid"]) == ("replica", victim)
    assert outcome["seconds"] > 0
    assert outcome["replaced_by"] not in (None, victim)
    assert not psutil.pid_exists(victim)
    assert psutil.Process(outcome["replaced_by"]).cmdline()[0] == "ray::ServeReplica:cifar10:cifar10"


def test_admin_kills_a_training_worker_and_the_training_goes_on(public_app, admin, url, training):
    def epochs() -> int:
        return len(requests.get(training).json()["metrics"])

    deadline = time.monotonic() + DONE_S
    while epochs() < 1:
        assert time.monotonic() < deadline, requests.get(training).json()
        time.sleep(0.5)
    seen = _look(url)
    workers = _pids(seen, "RayTrainWorker")
    assert len(workers) == 2
    assert [bundle["resources"] for bundle in seen["placements"][-1]["bundles"]] == [{"CPU": 1.0}] * 2
    assert [(job["kind"], job["state"]) for job in seen["queue"]] == [("train", "running")]
    [worker, _] = [process for process in seen["processes"] if process["pid"] in workers]
    assert (worker["workload"], worker["model"], worker["job"]) == ("training", "cifar10", training.rpartition("/")[2])
    reply = admin.post(f"{url}/kill", json={"kind": "training_worker"}, timeout=120)
    outcome = reply.json()
    assert reply.status_code == 200, outcome
    assert outcome["pid"] in workers
    assert outcome["replaced_by"] not in workers
    assert outcome["seconds"] > 0
    done = epochs()
    while epochs() <= done:
        assert time.monotonic() < deadline + DONE_S, requests.get(training).json()
        time.sleep(0.5)
