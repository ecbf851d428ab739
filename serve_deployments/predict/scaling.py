"""The number of replicas of a model: fixed, or between two numbers by load."""

from __future__ import annotations

from typing import Any

# Ongoing requests of one replica at which another is worth starting. A batch takes all that wait, so a few waiting
# requests make a replica faster, not slower.
TARGET_ONGOING = 16
UP_AFTER_S, DOWN_AFTER_S = 3, 30
LOOK_EVERY_S, LOOK_BACK_S = 1, 5


def replicas(fewest: int, most: int | None) -> dict[str, Any]:
    """Options of a Serve deployment; without ``most`` the number is always ``fewest``."""
    if most is None:
        return {"num_replicas": fewest}
    scaling = {
        "min_replicas": fewest,
        "max_replicas": most,
        "target_ongoing_requests": TARGET_ONGOING,
        "upscale_delay_s": UP_AFTER_S,
        "downscale_delay_s": DOWN_AFTER_S,
        "metrics_interval_s": LOOK_EVERY_S,
        "look_back_period_s": LOOK_BACK_S,
    }
    return {"autoscaling_config": scaling}
