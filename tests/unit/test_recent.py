"""``Recent``: many concurrent readers cost one calculation, and a change is visible at once."""

from __future__ import annotations

import asyncio
from itertools import count

from serve_deployments.parts.recent import Recent


def test_many_cost_one_look_and_a_later_one_looks_again() -> None:
    async def ask() -> list[int]:
        looks, recent = count(), Recent()

        async def look() -> int:
            await asyncio.sleep(0.01)
            return next(looks)

        together = await asyncio.gather(*(recent.get(look, 60) for _ in range(20)))
        return [*set(together), await recent.get(look, 60), await recent.get(look, 0)]

    assert asyncio.run(ask()) == [0, 0, 1]


def test_change_during_a_look_is_seen_by_the_next() -> None:
    async def ask() -> list[str]:
        recent, state = Recent(), "before"

        async def look() -> str:
            seen = state
            await asyncio.sleep(0.02)
            return seen

        first = asyncio.create_task(recent.get(look, 60))
        await asyncio.sleep(0.01)
        state = "after"
        recent.forget()
        return [await first, await recent.get(look, 60)]

    assert asyncio.run(ask()) == ["before", "after"]
