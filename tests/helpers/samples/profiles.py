"""Profiles of datasets, as the store of datasets keeps them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def column(name: str, kind: str = "number", distinct: int = 100, **given: Any) -> SimpleNamespace:
    """A column; ``top`` are its values with their counts, most frequent first."""
    top = [SimpleNamespace(value=value, count=count) for value, count in given.pop("top", {}).items()]
    usable = kind in ("number", "category", "boolean", "text", "date")
    preprocess = {"category": ["one-hot"], "text": ["hash-words"]}.get(kind, [])
    suggestion = SimpleNamespace(use=usable, kind=kind if usable else None, preprocess=preprocess, why="")
    plain = {"missing": 0, "examples": [], "min": None, "max": None, "warnings": []}
    return SimpleNamespace(name=name, kind=kind, distinct=distinct, top=top, suggestion=suggestion, **plain | given)


def table(*columns: SimpleNamespace, target: SimpleNamespace | None = None, name: str = "my.csv") -> SimpleNamespace:
    """A dataset of rows."""
    return SimpleNamespace(
        dataset="d1", family="table", name=name, columns=list(columns), classes=[], target=target, problems=[], rows=100
    )


def target(of: str, kind: str, labels: list[str], positive: str | None = None) -> SimpleNamespace:
    """A proposed target."""
    return SimpleNamespace(column=of, kind=kind, labels=labels, positive=positive, why="")


def pictures(**classes: int) -> SimpleNamespace:
    """A dataset of pictures with so many of each class."""
    listed = [SimpleNamespace(label=label, pictures=count) for label, count in classes.items()]
    return SimpleNamespace(
        dataset="d2", family="image", name="my.zip", columns=[], classes=listed, target=None, problems=[], pictures=100
    )
