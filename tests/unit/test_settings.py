"""Settings that contradict each other are refused by name."""

from __future__ import annotations

import pytest

from settings import Settings


def test_fewer_replicas_at_most_than_at_least_are_refused() -> None:
    with pytest.raises(ValueError, match="it must be at least AIR_IMAGE_REPLICAS, 3"):
        Settings(air_image_replicas=3, air_image_replicas_max=2)
