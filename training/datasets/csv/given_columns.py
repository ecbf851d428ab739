"""Names in a result for the columns that the model does not use."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

# Columns of a result, and the one in which its workers note the time; a probability is named after its class.
RESERVED = {"line", "label", "out_of_range", "truth", "error", "_began"}
PROBABILITY = "probability_"


def is_reserved(name: str) -> bool:
    """Whether a result has a column of this name."""
    return name in RESERVED or name.startswith(PROBABILITY)


def given_names(names: Sequence[str], features: Sequence[str]) -> dict[int, str]:
    """A unique name for each column that is not a feature, by the column's place.

    A name that a result uses itself becomes ``given label``, or ``given label 2`` where that is taken; a column
    without a name becomes ``column 3``, by its place.
    """
    taken = RESERVED | set(features) | set(names)
    found = {}
    for i, name in enumerate(names):
        if name in features:
            continue
        if not name or is_reserved(name):
            wanted = f"given {name}" if name else f"column {i + 1}"
            name = next(free for n in count(1) if (free := wanted if n == 1 else f"{wanted} {n}") not in taken)
            taken.add(name)
        found[i] = name
    return found


def beside(columns: dict[str, object], more: dict[str, object]) -> dict[str, object]:
    """``columns``, and ``more`` behind them; one whose name is taken becomes ``given label``."""
    together = dict(columns)
    for name, column in more.items():
        free = name
        while free in together:
            free = f"given {free}"
        together[free] = column
    return together
