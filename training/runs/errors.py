"""Errors before and during training, each one sentence that names a remedy.

TrainingError
├── DataError        the data source is missing or damaged
│   └── UnreadablePictureError
├── ConfigError      an option is unknown or out of range
│   └── OptionError
└── DivergedError    the loss became NaN or infinite
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# The words of the kernel, and those of SQLite.
DISK_FULL = ("No space left on device", "disk is full")


class TrainingError(Exception):
    """Base class; str() is one sentence for people."""


class DataError(TrainingError):
    """The data source is missing, damaged or of another kind than its name suggests."""


class UnreadablePictureError(DataError):
    """A picture cannot be decoded; ``index`` is its place in its split."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index

    def __str__(self) -> str:
        return f"Picture {self.index} cannot be decoded; replace or remove it."


class ConfigError(TrainingError):
    """An option is unknown or out of range; the sentence names it and what would be right."""


class OptionError(ConfigError):
    """An option of a job; ``field`` is the path to it ``within`` a body, ``problem`` what must be true of it."""

    def __init__(self, field: list[str], problem: str, within: str | None = "config") -> None:
        path = [within, *field] if within else field
        super().__init__(f"{'.'.join(path)}: {problem}.")
        self.field = field
        self.problem = problem
        self._within = within

    def __reduce__(self) -> tuple[Any, ...]:
        """Between processes: an exception is rebuilt from its arguments."""
        return type(self), (self.field, self.problem, self._within)


class DivergedError(TrainingError):
    """The loss became NaN or infinite; the sentence names step and learning rate."""


def root_cause(error: BaseException) -> BaseException:
    """The first error in a chain of causes; Ray keeps a cause as ``cause``."""
    while (inner := getattr(error, "cause", None) or error.__cause__) is not None:
        error = inner
    return error


def innermost(error: BaseException) -> str:
    """The root cause in one line, without the tracebacks and advice that Ray and Arrow add."""
    error = root_cause(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def disk_full(error: BaseException) -> DataError | None:
    """The error to report if a full disk caused this one."""
    cause = innermost(error)
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or any(words in cause for words in DISK_FULL):
        return DataError(f"The disk is full ({cause}). Free some space, or set AIR_HOME and TMPDIR elsewhere.")
    return None


@contextmanager
def full_disk_as_data_error() -> Iterator[None]:
    """Raise DataError when the block, or the decorated function, fails because a disk is full."""
    try:
        yield
    except TrainingError:
        raise
    except Exception as error:
        full = disk_full(error)
        if full is None:
            raise
        raise full from error
