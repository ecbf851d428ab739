"""Promotions of a model under load: no request is dropped, and each reply names the version that answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from tests.helpers.clients.load import Load

MOVES = 6


def assert_no_request_is_dropped(
    api: str,
    model: str,
    answers: dict[str, Any],
    answered: Callable[[dict[str, Any]], Any],
    connections: int,
    **request: Any,
) -> None:
    """Move back and forth between two versions; the model is left with the first.

    ``answers`` is what each version answers to the ``request``, ``answered`` reads that from the body of a reply.
    """
    first, second = answers
    promotions = f"{api}/models/{model}/promote"
    assert requests.post(promotions, json={"version": first, "force": True}).status_code == 200
    moves: list[tuple[float, float, str]] = []
    with Load(f"{api}/{model}/predict", connections, **request) as load:
        load.wait_for(100)
        for i in range(MOVES):
            began, version = time.monotonic(), (second, first)[i % 2]
            moved = requests.post(promotions, json={"version": version, "force": True})
            assert moved.status_code == 200, moved.text
            moves.append((began, time.monotonic(), version))
            assert {replica["version"] for replica in moved.json()["serving"]} == {version}
        load.wait_for(100)
    assert load.failed == []
    seen = {(answer.body["model"]["version"], answered(answer.body)) for answer in load.answers}
    assert seen == set(answers.items())
    for answer in load.answers:
        served_before = [first, *(version for _, ended, version in moves if ended < answer.sent)][-1]
        moved_meanwhile = {version for began, ended, version in moves if began < answer.done and ended > answer.sent}
        assert answer.body["model"]["version"] in {served_before, *moved_meanwhile}
