"""A Ray in this process for some tests, which ends with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from settings import Settings


@contextmanager
def own_ray(settings: Settings, **options: Any) -> Iterator[Settings]:
    """Yield the settings while their Ray runs; ``options`` go to ``ray.init``."""
    import ray

    from training.runs import ray_session

    assert not ray.is_initialized(), "a test before has left its Ray running"
    ray_session.connect(settings, **options)
    try:
        yield settings
    finally:
        ray.shutdown()
