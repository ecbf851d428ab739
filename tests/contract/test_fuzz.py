"""Hostile input without end: every route by its schema, and pictures broken in every way."""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import ADMIN_TOKEN
from tests.helpers import pictures
from tests.helpers.running_app import RunningApp

CASES_PER_ROUTE = 50
MIN_CASES = 2_000
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
DISCARD = "discard_models__name__versions__version__discard_post"
KILL = "kill_cluster_kill_post"
PICTURE_CASES = 600
MAX_GROWTH_BYTES = 400 * 1024**2


@pytest.mark.usefixtures("jobs")  # which stops whatever was resumed
def test_no_route_fails_and_every_reply_matches_its_schema(public_app: RunningApp, tmp_path: Path) -> None:
    """schemathesis asks what ``/api/openapi.json`` allows and what it does not, as the admin.

    Only jobs are not asked for, no version is discarded, and no process killed.
    """
    report = tmp_path / "report.json"
    ended = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{public_app.url}/api/openapi.json",
            *("--max-examples", str(CASES_PER_ROUTE)),
            *("--phases", "examples,coverage,fuzzing"),
            *("--checks", CHECKS),
            *("--header", f"Authorization: Bearer {ADMIN_TOKEN}"),
            *("--seed", "1"),
            *("--exclude-operation-id", "submit_jobs_post"),  # each would train a model; see test_jobs.py
            *("--exclude-operation-id", DISCARD),  # it might hit a version that other tests need; see test_versions.py
            *("--exclude-operation-id", KILL),  # each would take a replica and some seconds; see test_cluster_api.py
            *("--report", "json", "--report-json-path", str(report)),
            "--continue-on-failure",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ended.returncode == 0, ended.stdout[-6000:]
    generated = re.search(r"([\d,]+) generated", ended.stdout)
    assert generated, ended.stdout[-2000:]
    assert int(generated[1].replace(",", "")) >= MIN_CASES
    assert report.exists()


def _broken(seed: int) -> bytes:
    """A picture cut off, with flipped bits, with bytes put in or of mixed parts; or a bomb."""
    chance = random.Random(seed)
    whole = list(pictures.accepted().values())
    data = bytearray(chance.choice(whole))
    manner = seed % 6
    if manner == 0:
        return bytes(data[: chance.randrange(len(data))])
    if manner == 1:
        for _ in range(chance.randint(1, 40)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif manner == 2:
        at = chance.randrange(len(data))
        data[at:at] = chance.randbytes(chance.randint(1, 2_000))
    elif manner == 3:
        other = chance.choice(whole)
        data = data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]
    elif manner == 4:
        # Sizes stand in the first bytes of every format.
        for _ in range(8):
            data[chance.randrange(min(64, len(data)))] = chance.randrange(256)
    else:
        return pictures.bomb(chance.randint(1, 60_000), chance.randint(1, 60_000))
    return bytes(data)


def _send(url: str, seed: int) -> requests.Response:
    data = _broken(seed)
    if seed % 3 == 0:
        return requests.post(url, files=[("file", ("picture", data))], timeout=60)
    if seed % 3 == 1:
        return requests.post(url, data=data, headers={"Content-Type": "image/png"}, timeout=60)
    return requests.post(url, json={"images": [base64.b64encode(data).decode()]}, timeout=60)


def _resident(app: RunningApp) -> dict[int, int]:
    """Bytes in memory of each replica of the image model."""
    found = {}
    for process in app.processes("ServeReplica:cifar10:cifar10"):
        found[process.pid] = psutil.Process(process.pid).memory_info().rss
    return found


def test_broken_pictures_get_a_sentence_and_cost_no_memory(public_app: RunningApp) -> None:
    url = f"{public_app.url}/api/cifar10/predict"
    before = _resident(public_app)
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda seed: _send(url, seed), range(PICTURE_CASES)))
    statuses = Counter(reply.status_code for reply in replies)
    assert set(statuses) <= {200, 400, 413, 422}, statuses
    assert statuses[422] > PICTURE_CASES / 4
    assert statuses[413] > PICTURE_CASES / 20
    for reply in replies:
        if reply.status_code != 200:
            error = json.loads(reply.content)["error"]
            assert error["message"].endswith(".")
            assert "Traceback" not in reply.text
    after = _resident(public_app)
    assert set(after) == set(before), "a replica died"
    for pid, resident in after.items():
        assert resident - before[pid] < MAX_GROWTH_BYTES


@pytest.mark.parametrize("route", ["/cifar10/predict", "/breast-cancer/predict", "/v2/models/cifar10/infer"])
def test_noise_as_a_body_is_refused(public_app: RunningApp, route: str) -> None:
    chance = random.Random(route)
    kinds = ["application/json", "multipart/form-data; boundary=x", "text/plain", "", "image/png", "application/xml"]
    for size in (0, 1, 10, 1_000, 100_000):
        for kind in kinds:
            reply = requests.post(
                f"{public_app.url}/api{route}", data=chance.randbytes(size), headers={"Content-Type": kind}, timeout=30
            )
            assert reply.status_code in (400, 415, 422), (size, kind, reply.text)
