"""Clients of the app in ``cluster/prove_ray_up.py``: they post a picture and a row in turn. Standard library only."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
API = "http://127.0.0.1:7860/api"


class Clients:
    """Posts to both models in turn while the block lasts."""

    def __enter__(self) -> Clients:
        self.asked, self.failed, self.slowest = 0, [], 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.2):
            began = time.monotonic()
            self.asked += 2
            try:
                ask_both()
            except Exception as error:
                self.failed.append(f"{error} after {time.monotonic() - began:.1f} s")
            self.slowest = max(self.slowest, time.monotonic() - began)


def ask_both() -> None:
    """Predict a picture and a row. Raises URLError without an answer, ValueError for a wrong label."""
    picture = call_api("/cifar10/predict", (ROOT / "docs" / "example.png").read_bytes(), "image/png")
    expect_label(picture, "ship")
    expect_label(call_api("/breast-cancer/predict", first_row()), "malignant", "benign")


@lru_cache(maxsize=1)
def first_row() -> dict[str, float]:
    """A row of the validation set."""
    return call_api("/models/breast-cancer/examples?n=1&seed=0")["examples"][0]["row"]


def expect_label(reply: dict[str, Any], *labels: str) -> None:
    """Raise ValueError unless the first prediction is one of these."""
    if reply["predictions"][0]["label"] not in labels:
        raise ValueError(f"unexpected answer: {reply}")


def call_api(path: str, body: Any = None, kind: str = "application/json") -> dict[str, Any]:
    """GET, or POST with a body. Raises URLError."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{API}{path}", data, {"Content-Type": kind} if data else {})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.load(reply)


def answers(url: str) -> bool:
    """Whether a server answers there."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
