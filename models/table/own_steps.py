"""Preprocessing steps of one's own: the files AIR_HOME/preprocessors/<name>.py, used in a spec as ``own:<name>``.

    class Preprocessor:
        def fit(self, values): ...            # of a column's training rows, (n,): anything that JSON can hold
        def apply(self, values, fitted): ...  # numbers: the column again, (n,); texts: columns of numbers, (n, k)

Only whoever runs AIR Studio can put a file there. A version keeps the name and the SHA-256 of the file and is not
loaded without it, since loading a version must not run code that its training did not have.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from models.table.steps import Step
from settings import get_settings

PREFIX = "own:"
NAME = re.compile(r"own:[a-z][a-z0-9_]{0,39}")


class OwnStepError(Exception):
    """A step of one's own that is not there, has changed or is wrong; str() is a sentence."""


def is_own(name: str) -> bool:
    """Whether a step's name is that of a step of one's own."""
    return name.startswith(PREFIX)


def sha256(name: str) -> str:
    """Of the file of a step. Raises OwnStepError."""
    return hashlib.sha256(_code(name)).hexdigest()


def fit(name: str, columns: dict[str, np.ndarray]) -> Step:
    """What a step learns of each column, and how many columns it makes of a text. Raises OwnStepError."""
    step = _load(name, sha256(name))
    fitted = [step.fit(values) for values in columns.values()]
    widths = [_applied(step, name, values, one).shape[1] for values, one in zip(columns.values(), fitted, strict=True)]
    return {"fitted": fitted, "sha256": sha256(name), "width": widths[0]}


def bound(step: Step) -> Callable[[np.ndarray, Step], np.ndarray]:
    """The function that applies a fitted step to columns of numbers (n, columns) or a column of texts (n,).

    Raises OwnStepError when its file is not there any more, or another.
    """
    return partial(_apply, _load(step["step"], step["sha256"]))


def _apply(own: Any, values: np.ndarray, step: Step) -> np.ndarray:
    columns = values.T if values.ndim == 2 else [values]
    return np.hstack(
        [_applied(own, step["step"], one, fitted) for one, fitted in zip(columns, step["fitted"], strict=True)]
    )


def _applied(own: Any, name: str, values: np.ndarray, fitted: Any) -> np.ndarray:
    """float64 (n, columns) of one column."""
    made = np.asarray(own.apply(values, fitted), dtype=np.float64)
    made = made[:, None] if made.ndim == 1 else made
    if made.ndim != 2 or len(made) != len(values) or (values.dtype != object and made.shape[1] != 1):
        raise OwnStepError(f"{name}: apply made shape {list(made.shape)} of {len(values)} values.")
    return made


def file_of(name: str, air_home: Path) -> Path:
    """The file of a step."""
    return air_home / "preprocessors" / f"{name.removeprefix(PREFIX)}.py"


def _path(name: str) -> Path:
    return file_of(name, get_settings().air_home)


def _code(name: str) -> bytes:
    if not NAME.fullmatch(name):
        raise OwnStepError(f"{name[:60]!r} is no step: a step of one's own is {PREFIX} and the name of its file.")
    try:
        return _path(name).read_bytes()
    except OSError:
        raise OwnStepError(f"{name} needs the file {_path(name)}, which is not there.") from None


def _load(name: str, wanted: str) -> Any:
    if sha256(name) != wanted:
        raise OwnStepError(f"{_path(name)} has changed since {name} was fitted; put the former file there again.")
    return _run(name, wanted)


@lru_cache(maxsize=32)
def _run(name: str, wanted: str) -> Any:  # noqa: ARG001 - a changed file is another one
    module = ModuleType(f"air_{name.removeprefix(PREFIX)}")
    try:
        exec(compile(_code(name), str(_path(name)), "exec"), module.__dict__)
        return module.__dict__["Preprocessor"]()
    except Exception as error:
        raise OwnStepError(f"{_path(name)} cannot be used: {type(error).__name__}: {error}.") from error
