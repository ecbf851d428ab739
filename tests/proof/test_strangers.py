"""What one anonymous client can cost: memory, disk, processes, and other clients' waiting time.

Each attack lasts for a while over many connections; meanwhile another visitor predicts. The longest that this
visitor waited is printed.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from PIL import Image

from benchmarks.harness.running_app import RunningApp
from settings import ROOT

PICTURE = (ROOT / "docs" / "example.png").read_bytes()
PREDICT, ROWS = "/api/cifar10/predict", "/api/breast-cancer/predict"
DIFFERENCES = "/api/models/cifar10/versions/1/differences"
STRANGER, OTHER = {"X-Forwarded-For": "198.51.100.66"}, {"X-Forwarded-For": "203.0.113.7"}
ATTACK_S, BACK_S, CONNECTIONS = 20, 70, 16
MEMORY_MB, DISK_MB, PROCESSES = 400, 1024, 4


class Watched:
    """What an app uses beyond its usage at the beginning: now, and at most."""

    def __init__(self, app: RunningApp) -> None:
        self._app = app
        self._before = self._now()
        self._end = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._look, self._ask)]
        self.most = (0, 0, 0)
        self.waited: list[float] = []
        self.refused: list[str] = []

    def __enter__(self) -> Watched:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def above(self) -> tuple[int, ...]:
        """Memory that no other process has, in MB; disk, in MB; processes."""
        return tuple(now - before for now, before in zip(self._now(), self._before, strict=True))

    def _now(self) -> tuple[int, ...]:
        processes, memory, disk = self._app.processes(), 0, 0
        for process in processes:
            with suppress(psutil.Error):
                memory += process.memory_full_info().uss
        for folder in (self._app.home, Path(f"/tmp/air-0-{self._app.port}")):
            for path in folder.rglob("*"):
                with suppress(OSError):
                    disk += path.lstat().st_blocks * 512
        return memory // 2**20, disk // 2**20, len(processes)

    def _look(self) -> None:
        while not self._end.wait(0.3):
            self.most = tuple(map(max, self.most, self.above()))

    def _ask(self) -> None:
        while not self._end.wait(0.2):
            began = time.monotonic()
            reply = requests.post(self._app.url + PREDICT, data=PICTURE, headers=OTHER | {"Content-Type": "image/png"})
            self.waited.append(time.monotonic() - began)
            if reply.status_code != 200:
                self.refused.append(reply.text)


@cache
def _large() -> bytes:
    """49 megapixels of one colour, in about 200 KB."""
    file = io.BytesIO()
    Image.new("RGBA", (7000, 7000)).save(file, "PNG")
    return file.getvalue()


@cache
def _many_scans() -> bytes:
    """A JPEG of 16 megapixels whose last scan comes 2,000 times."""
    file = io.BytesIO()
    Image.effect_noise((4000, 4000), 60).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * 2_000 + data[-2:]


def many_large_pictures(url: str) -> Any:
    files = [("file", ("p.png", _large(), "image/png"))] * 20
    return requests.post(url + PREDICT, files=files, headers=STRANGER)


def large_pictures(url: str) -> Any:
    return requests.post(url + PREDICT, data=_large(), headers=STRANGER | {"Content-Type": "image/png"})


def scans(url: str) -> Any:
    return requests.post(url + PREDICT, data=_many_scans(), headers=STRANGER | {"Content-Type": "image/jpeg"})


def explanations(url: str) -> Any:
    example = requests.get(f"{url}/api/models/breast-cancer/examples", {"n": 1}, headers=OTHER).json()["examples"][0]
    body = {"rows": [example["row"]] * 1000}
    return requests.post(url + ROWS, params={"explain": "true"}, json=body, headers=STRANGER)


def differences(url: str) -> Any:
    return requests.get(url + DIFFERENCES, {"against": 2}, headers=STRANGER)


def pages(url: str) -> Any:
    event = {"fn_index": 0, "data": [], "session_hash": f"stranger-{time.monotonic_ns()}"}
    return requests.post(f"{url}/gradio_api/queue/join", json=event, headers=STRANGER)


def streams(url: str) -> Any:
    address = f"{url}/gradio_api/heartbeat/stranger-{time.monotonic_ns()}"
    with requests.get(address, headers=STRANGER, stream=True):
        time.sleep(5)


def files(url: str) -> Any:
    return requests.post(f"{url}/gradio_api/upload", files={"files": bytes(100 * 2**20)}, headers=STRANGER)


def forgotten_files(url: str) -> Any:
    return requests.post(f"{url}/gradio_api/upload", files={"other": bytes(100 * 2**20)}, headers=STRANGER)


@pytest.mark.parametrize(
    "attack",
    [
        many_large_pictures,
        large_pictures,
        scans,
        explanations,
        differences,
        pages,
        streams,
        files,
        forgotten_files,
    ],
)
def test_one_stranger_costs_little_and_nothing_for_long(public_app: RunningApp, attack: Callable[[str], Any]) -> None:
    with suppress(requests.RequestException):
        attack(public_app.url)  # what the first one of a kind loads is no cost of an attack
    until = time.monotonic() + ATTACK_S

    def go_on() -> None:
        while time.monotonic() < until:
            with suppress(requests.RequestException):
                attack(public_app.url)

    with Watched(public_app) as watched, ThreadPoolExecutor(CONNECTIONS) as strangers:
        for _ in range(CONNECTIONS):
            strangers.submit(go_on)
        strangers.shutdown()
    memory, disk, processes = watched.most
    print(f"{memory} MB, {disk} MB of disk, {processes} processes; another waited {max(watched.waited):.2f} s at most")
    assert watched.waited
    assert watched.refused == []
    assert memory < MEMORY_MB
    assert disk < DISK_MB
    assert processes <= PROCESSES
    deadline = time.monotonic() + BACK_S
    while (above := watched.above())[1:] > (16, 0) and time.monotonic() < deadline:
        time.sleep(1)
    assert above[1] <= 16
    assert above[2] <= 0
