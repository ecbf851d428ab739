"""Calculations for anybody: one at a time, few that wait, the same one only once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from serve_deployments.http.errors import Busy
from serve_deployments.predict.calculations import MAX_WAITING, Calculations


class Slow:
    """Answers when the test allows it; ``begun`` are the calculations in the order of their start."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.most = self.running = 0
        self.go = asyncio.Event()

    def about(self, question: Any) -> Callable[[], Any]:
        async def calculate() -> Any:
            self.begun.append(question)
            self.running += 1
            self.most = max(self.most, self.running)
            await self.go.wait()
            self.running -= 1
            if question == "wrong":
                raise ValueError("it cannot be answered")
            return question

        return calculate


async def _asked(calculations: Calculations, slow: Slow, *questions: Any) -> list[asyncio.Task]:
    """One client per calculation, all waiting."""
    tasks = [asyncio.create_task(calculations.answer(question, slow.about(question))) for question in questions]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def test_many_who_ask_get_answers_one_after_the_other() -> None:
    async def ask() -> None:
        calculations, slow = Calculations(), Slow()
        tasks = await _asked(calculations, slow, *range(MAX_WAITING + 1), *[0] * 50)
        [refused] = await _asked(calculations, slow, "one more")
        with pytest.raises(Busy):
            await refused
        slow.go.set()
        assert await asyncio.gather(*tasks) == [*range(MAX_WAITING + 1), *[0] * 50]
        assert (slow.begun, slow.most) == (list(range(MAX_WAITING + 1)), 1)
        assert await calculations.answer(0, slow.about("again")) == "again"

    asyncio.run(ask())


def test_error_reaches_all_who_asked_and_the_next_goes_on() -> None:
    async def ask() -> None:
        calculations, slow = Calculations(), Slow()
        tasks = await _asked(calculations, slow, "wrong", "wrong", "right")
        slow.go.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(answer) for answer in answers] == ["it cannot be answered"] * 2 + ["right"]

    asyncio.run(ask())


def test_who_gives_up_leaves_the_answer_to_the_others() -> None:
    async def ask() -> None:
        calculations, slow = Calculations(), Slow()
        first, second = await _asked(calculations, slow, "same", "same")
        first.cancel()
        slow.go.set()
        assert await second == "same"
        assert slow.begun == ["same"]

    asyncio.run(ask())
