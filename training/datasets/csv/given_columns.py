"""The names under which columns that a model does not know come back beside its answers."""

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
    """For the place of each column that is no feature a name that no other column has.

    One that a result needs itself comes back as ``given label``, or ``given label 2`` where that is taken; one
    without a name as ``column 3``, by its place.
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
