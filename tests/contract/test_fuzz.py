"""Hostile input against the app in this process; ``tests/proof`` does the same to the real app."""

from __future__ import annotations

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.helpers.clients import fuzz
from tests.helpers.in_process.studio import Studio

CASES_PER_ROUTE = 20
MIN_CASES = 2_000
PICTURE_CASES = 600
MAX_GROWTH_BYTES = 400 * 1024**2


def test_no_route_fails_and_every_reply_matches_its_schema(public: Studio, tmp_path: Path) -> None:
    assert fuzz.ask_every_route(public.url, CASES_PER_ROUTE, tmp_path) >= MIN_CASES


def test_broken_pictures_get_a_sentence_and_cost_no_memory(api: httpx.Client) -> None:
    def send(seed: int) -> httpx.Response:
        return api.post("/cifar10/predict", **fuzz.request_of(seed), timeout=60)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(50)))  # what is loaded once is there from now on
        before = psutil.Process().memory_info().rss
        replies = list(pool.map(send, range(PICTURE_CASES)))
    grown = psutil.Process().memory_info().rss - before
    statuses = Counter(reply.status_code for reply in replies)
    assert set(statuses) <= {200, 400, 413, 422}, statuses
    assert statuses[422] > PICTURE_CASES / 4
    assert statuses[413] > PICTURE_CASES / 20
    for reply in replies:
        if reply.status_code != 200:
            error = json.loads(reply.content)["error"]
            assert error["message"].endswith(".")
            assert "Traceback" not in reply.text
    assert grown < MAX_GROWTH_BYTES


@pytest.mark.parametrize("route", ["/cifar10/predict", "/breast-cancer/predict", "/v2/models/cifar10/infer"])
def test_noise_as_a_body_is_refused(api: httpx.Client, route: str) -> None:
    chance = random.Random(route)
    kinds = ["application/json", "multipart/form-data; boundary=x", "text/plain", "", "image/png", "application/xml"]
    for size in (0, 1, 10, 1_000, 100_000):
        for kind in kinds:
            reply = api.post(route, content=chance.randbytes(size), headers={"Content-Type": kind})
            assert reply.status_code in (400, 415, 422), (size, kind, reply.text)
