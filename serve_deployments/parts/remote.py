"""Calls to other processes that look like local calls.

    registry = Remote(registry_actor, away="The registry is not responding; try again in a moment.")
    await registry.resolve("cifar10", "champion")

In a single process, as in the tests, the object itself replaces its ``Remote``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from serve_deployments.http.errors import Unavailable

log = logging.getLogger("ray.serve")
# The errors of a call while an actor or a replica is unavailable.
GONE = (RayError, RayServeException, TimeoutError)


async def as_raised(answer: Awaitable[Any], away: str, refusals: tuple[type[Exception], ...] = (Exception,)) -> Any:
    """The answer of an actor, a task or a replica.

    Errors of the types ``refusals`` are raised unchanged; any other error, or no answer, raises
    Unavailable with the sentence ``away``.
    """
    try:
        return await answer
    except GONE as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, refusals):
            raise cause from None
        log.warning("%s", away, exc_info=True)
        raise Unavailable(away) from error


class Remote:
    """An actor or a Serve deployment whose methods are awaited like local ones; see ``as_raised``."""

    def __init__(
        self, find: Callable[[], Any], away: str, refusals: tuple[type[Exception], ...] = (Exception,)
    ) -> None:
        self._find = find
        self._away = away
        self._refusals = refusals

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            return await as_raised(getattr(self._find(), method).remote(*arguments), self._away, self._refusals)

        return call
