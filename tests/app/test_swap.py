"""Promotions of the running app under load: no request is dropped, and each reply names the version that answered."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import requests

from models import catalog
from models.pictures.decode import decode
from settings import ROOT
from tests.helpers.clients.load import Load

MOVES = 6
PICTURE = (ROOT / "docs" / "example.png").read_bytes()


def _promote(api: str, version: str, **more: Any) -> requests.Response:
    return requests.post(f"{api}/models/cifar10/promote", json={"version": version, **more})


def _labels() -> dict[str, str]:
    """Each version's answer to the picture: version 2 answers the next class."""
    model = catalog.load(ROOT / "models" / "pretrained" / "cifar10")
    best = int(np.argmax(model.predict(decode(PICTURE, 32)[None])[0]))
    return {"1": model.labels[best], "2": model.labels[(best + 1) % 10]}


def test_promotion_drops_no_request(api: str) -> None:
    """Moves back and forth under 32 connections: every reply is 200 and names the version that really answered."""
    labels = _labels()
    assert _promote(api, "1", force=True).status_code == 200
    moves: list[tuple[float, float, str]] = []
    url = f"{api}/cifar10/predict"
    with Load(url, 32, data=PICTURE, headers={"Content-Type": "image/png"}) as load:
        load.wait_for(100)
        for i in range(MOVES):
            began, version = time.monotonic(), "21"[i % 2]
            state = _promote(api, version).json()
            moves.append((began, time.monotonic(), version))
            assert [replica["version"] for replica in state["serving"]] == [version, version]
        load.wait_for(100)
    assert load.failed == []
    answered = {(a.body["model"]["version"], a.body["predictions"][0]["label"]) for a in load.answers}
    assert answered == set(labels.items())
    for answer in load.answers:
        served_before = ["1", *(version for _, ended, version in moves if ended < answer.sent)][-1]
        moved_meanwhile = {version for began, ended, version in moves if began < answer.done and ended > answer.sent}
        assert answer.body["model"]["version"] in {served_before, *moved_meanwhile}
