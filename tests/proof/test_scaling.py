"""Serve replicas start under load and stop without it, and no request is refused meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from settings import ROOT
from tests.helpers.clients.load import Load

pytestmark = pytest.mark.alone

PICTURES_A_REQUEST = 16
SCALE_S = 240


def _wait_for_replicas(url: str, wanted: int, still: Callable[[], object] = lambda: None) -> None:
    deadline = time.monotonic() + SCALE_S
    while True:
        replicas = requests.get(f"{url}/api/models/cifar10", timeout=30).json()["serving"]
        if len(replicas) == wanted:
            return
        assert time.monotonic() < deadline, f"{len(replicas)} replicas, {wanted} were expected; {still()}"
        time.sleep(0.5)


def test_replicas_follow_the_load_up_and_down(tmp_path: Path) -> None:
    app = RunningApp(tmp_path / "home", AIR_IMAGE_REPLICAS="1", AIR_IMAGE_REPLICAS_MAX="2")
    picture = (ROOT / "docs" / "example.png").read_bytes()
    files = [("file", (f"{i}.png", picture)) for i in range(PICTURES_A_REQUEST)]
    try:
        app.start()
        _wait_for_replicas(app.url, 1)
        with Load(f"{app.url}/api/cifar10/predict", 48, files=files) as load:
            _wait_for_replicas(app.url, 2, lambda: f"{len(load.answers)} answers, {len(load.failed)} failed")
            load.wait_for(50, seconds=120)
        assert load.failed == []
        _wait_for_replicas(app.url, 1)
        assert requests.post(f"{app.url}/api/cifar10/predict", files={"file": picture}).status_code == 200
    finally:
        app.stop()
