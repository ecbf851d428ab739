"""Clients that send requests all the time, each on its own connection, and keep every answer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_S = 20


@dataclass(frozen=True)
class Answer:
    """One request: the times of sending and answering (time.monotonic()), and the reply."""

    sent: float
    done: float
    status: int
    body: dict[str, Any]
    problem: str = ""


class Load:
    """``with Load(url, 32, files=…) as load:`` sends requests over 32 connections until the block ends.

    Each waits ``pause`` seconds between two requests.
    """

    def __init__(self, url: str, connections: int, pause: float = 0, **request: Any) -> None:
        self._url, self._pause = url, pause
        self._request = request
        self._ended = threading.Event()
        self.answers: list[Answer] = []
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(connections)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        session = requests.Session()
        while not self._ended.wait(self._pause):
            sent = time.monotonic()
            try:
                reply = session.post(self._url, timeout=TIMEOUT_S, **self._request)
                answer = Answer(sent, time.monotonic(), reply.status_code, _json(reply))
            except requests.RequestException as error:
                answer = Answer(sent, time.monotonic(), 0, {}, type(error).__name__)
                session = requests.Session()
            self.answers.append(answer)

    @property
    def failed(self) -> list[Answer]:
        """Answers with another status than 200."""
        return [answer for answer in list(self.answers) if answer.status != 200]

    def wait_for(self, count: int, seconds: float = 30) -> None:
        """Return when ``count`` more answers have come."""
        wanted, deadline = len(self.answers) + count, time.monotonic() + seconds
        while len(self.answers) < wanted:
            assert time.monotonic() < deadline, f"only {len(self.answers)} answers"
            time.sleep(0.01)


def _json(reply: requests.Response) -> dict[str, Any]:
    try:
        return reply.json()
    except ValueError:
        return {"text": reply.text[:200]}
