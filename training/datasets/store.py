"""Datasets that people sent: the place of this file until the store is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from settings import Settings


class UnknownDataset(Exception):
    """There is no such dataset; str() is a sentence."""


class Datasets:
    """The datasets of an AIR_HOME."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.air_home / "datasets"

    def get(self, dataset: str) -> Any:
        """A dataset with its profile. Raises UnknownDataset."""
        raise UnknownDataset(f"There is no dataset {dataset[:80]!r}.")

    def path(self, dataset: str) -> Path:
        """Its file or folder."""
        return self._root / dataset
