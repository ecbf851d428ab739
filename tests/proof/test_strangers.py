"""What one anonymous client can cost: memory, disk, processes, and everybody else's patience.

Each attack runs for as long as it is let; beside it another visitor asks for a prediction again and again. How long
that one waited is printed.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from PIL import Image

from settings import ROOT
from tests.helpers.running_app import RunningApp

PICTURE = (ROOT / "docs" / "example.png").read_bytes()
PREDICT, ROWS = "/api/cifar10/predict", "/api/breast-cancer/predict"
MEMORY_MB, DISK_MB, PROCESSES, BACK_S = 400, 1024 + 64, 4, 70
ATTACK_S = 20
STRANGER, OTHER = {"X-Forwarded-For": "198.51.100.66"}, {"X-Forwarded-For": "203.0.113.7"}


class Watched:
    """What an app needs, at its most since the beginning, above what it needed at the beginning."""

    def __init__(self, app: RunningApp) -> None:
        self._app = app
        self._before = self._now()
        self.most = (0, 0, 0)
        self.waited: list[float] = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._look), threading.Thread(target=self._ask)]

    def __enter__(self) -> Watched:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def above(self) -> tuple[int, int, int]:
        """Memory in MB that is no other process's, disk in MB, and processes, above the beginning."""
        return tuple(now - before for now, before in zip(self._now(), self._before, strict=True))

    def _now(self) -> tuple[int, int, int]:
        memory = 0
        processes = self._app.processes()
        for process in processes:
            with suppress(psutil.Error):
                memory += process.memory_full_info().uss
        folders = (self._app.home, Path(f"/tmp/air-0-{self._app.port}"))
        disk = 0
        for folder in folders:
            for path in folder.rglob("*"):
                with suppress(OSError):
                    disk += path.stat().st_blocks * 512 if path.is_file() else 0
        return memory // 2**20, disk // 2**20, len(processes)

    def _look(self) -> None:
        while not self._end.wait(0.3):
            self.most = tuple(map(max, self.most, self.above()))

    def _ask(self) -> None:
        while not self._end.wait(0.2):
            began = time.monotonic()
            headers = OTHER | {"Content-Type": "image/png"}
            reply = requests.post(f"{self._app.url}{PREDICT}", data=PICTURE, headers=headers)
            assert reply.status_code == 200, reply.text
            self.waited.append(time.monotonic() - began)


def _flat(width: int, mode: str = "RGBA") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, width)).save(file, "PNG")
    return file.getvalue()


def _scans(number: int) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((4000, 4000), 60).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * number + data[-2:]


def _many_pictures(url: str) -> Any:
    files = [("file", ("p.png", LARGE, "image/png"))] * 20
    return requests.post(f"{url}{PREDICT}", files=files, headers=STRANGER, timeout=60)


def _large_picture(url: str) -> Any:
    return requests.post(f"{url}{PREDICT}", data=LARGE, headers=STRANGER | {"Content-Type": "image/png"}, timeout=60)


def _scanned(url: str) -> Any:
    return requests.post(f"{url}{PREDICT}", data=SCANS, headers=STRANGER | {"Content-Type": "image/jpeg"}, timeout=60)


def _explained(url: str) -> Any:
    row = requests.get(f"{url}/api/models/breast-cancer/examples", params={"n": 1}, headers=OTHER).json()["examples"][0]
    body = {"rows": [row["row"]] * 1000}
    return requests.post(f"{url}{ROWS}", params={"explain": "true"}, json=body, headers=STRANGER, timeout=60)


def _differences(url: str) -> Any:
    path = "/api/models/cifar10/versions/1/differences"
    return requests.get(f"{url}{path}", params={"against": 2}, headers=STRANGER, timeout=60)


def _sessions(url: str) -> Any:
    event = {"fn_index": 0, "data": [], "session_hash": f"stranger-{time.monotonic_ns()}"}
    return requests.post(f"{url}/gradio_api/queue/join", json=event, headers=STRANGER, timeout=60)


def _streams(url: str) -> Any:
    path = f"/gradio_api/heartbeat/stranger-{time.monotonic_ns()}"
    with suppress(requests.RequestException):
        reply = requests.get(f"{url}{path}", headers=STRANGER, timeout=60, stream=True)
        time.sleep(5)
        reply.close()


def _files(url: str) -> Any:
    with suppress(requests.RequestException):
        files = {"files": ("a.bin", b"x" * 100 * 2**20)}
        return requests.post(f"{url}/gradio_api/upload", files=files, headers=STRANGER, timeout=60)


LARGE, SCANS = _flat(7000), b""


@pytest.fixture(scope="module", autouse=True)
def scans() -> None:
    """A picture of 16 megapixels whose last scan comes 2,000 times."""
    global SCANS
    SCANS = _scans(2_000)


@pytest.mark.parametrize(
    "attack",
    [_many_pictures, _large_picture, _scanned, _explained, _differences, _sessions, _streams, _files],
    ids=lambda attack: attack.__name__.strip("_"),
)
def test_one_stranger_costs_little_and_nothing_for_long(public_app: RunningApp, attack: Callable[[str], Any]) -> None:
    until = time.monotonic() + ATTACK_S

    def go_on() -> None:
        while time.monotonic() < until:
            attack(public_app.url)

    with Watched(public_app) as watched, ThreadPoolExecutor(16) as strangers:
        for _ in range(16):
            strangers.submit(go_on)
        strangers.shutdown()
    memory, disk, processes = watched.most
    print(f"{memory} MB, {disk} MB of disk, {processes} processes; another visitor waited {max(watched.waited):.2f} s")
    assert memory < MEMORY_MB
    assert disk < DISK_MB
    assert processes <= PROCESSES
    assert watched.waited
    deadline = time.monotonic() + BACK_S
    while (above := watched.above())[1:] > (64, PROCESSES) and time.monotonic() < deadline:
        time.sleep(1)
    assert above[1] <= 64
    assert above[2] <= 1
