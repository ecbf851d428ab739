"""A person's own data."""

from __future__ import annotations

from serve_deployments.schemas.base import Reply
from training.datasets.store import Dataset


class AllDatasets(Reply):
    """``GET /datasets``."""

    datasets: list[Dataset]
