"""Datasets with their profiles, as the store of datasets keeps them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from training.datasets.profile import tables
from training.datasets.profile.reports import ClassCount, Profile


def table(file: Path, name: str = "my.csv") -> SimpleNamespace:
    """A dataset of a CSV file."""
    return SimpleNamespace(dataset="d1", name=name, **dict(tables.profile(file)))


def pictures(**classes: int) -> SimpleNamespace:
    """A dataset of pictures with so many of each class."""
    listed = [ClassCount(label=label, pictures=count) for label, count in classes.items()]
    profile = Profile(family="image", rows=None, pictures=sum(classes.values()), classes=listed)
    return SimpleNamespace(dataset="d2", name="my.zip", **dict(profile))
