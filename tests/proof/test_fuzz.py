"""Hostile input over real HTTP: a smaller run of the test in ``tests/contract``."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks.harness.running_app import RunningApp
from tests.helpers.clients import fuzz

CASES_PER_ROUTE = 10
PICTURE_CASES = 200
MAX_GROWTH_BYTES = 400 * 1024**2


@pytest.mark.usefixtures("jobs")  # which stops whatever was resumed
def test_no_route_fails_and_every_reply_matches_its_schema(public_app: RunningApp, tmp_path: Path) -> None:
    assert fuzz.ask_every_route(public_app.url, CASES_PER_ROUTE, tmp_path) >= 2_000


def _resident(app: RunningApp) -> dict[int, int]:
    """Bytes in memory of each replica of the image model."""
    replicas = app.processes("ServeReplica:cifar10:cifar10")
    return {process.pid: psutil.Process(process.pid).memory_info().rss for process in replicas}


def test_broken_pictures_kill_no_replica_and_cost_no_memory(public_app: RunningApp) -> None:
    before = _resident(public_app)
    with httpx.Client(base_url=f"{public_app.url}/api", timeout=60) as client, ThreadPoolExecutor(4) as pool:
        replies = list(
            pool.map(lambda seed: client.post("/cifar10/predict", **fuzz.request_of(seed)), range(PICTURE_CASES))
        )
    statuses = Counter(reply.status_code for reply in replies)
    assert set(statuses) <= {200, 400, 413, 422}, statuses
    after = _resident(public_app)
    assert set(after) == set(before), "a replica died"
    for pid, resident in after.items():
        assert resident - before[pid] < MAX_GROWTH_BYTES
