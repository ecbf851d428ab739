"""What can go wrong before or during training, as one sentence with a way out.

TrainingError
├── DataError        no data source, or one that is damaged
│   └── UnreadablePictureError
├── ConfigError      an option is unknown or out of range
│   └── OptionError
└── DivergedError    the loss became NaN or infinite
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

# As the kernel says it, and as SQLite does.
DISK_FULL = ("No space left on device", "disk is full")


class TrainingError(Exception):
    """Base class; str() is one sentence for a person."""


class DataError(TrainingError):
    """The data source is missing, damaged or not what its name says."""


class UnreadablePictureError(DataError):
    """A picture cannot be decoded; ``index`` is its place among those of its split."""

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


class DivergedError(TrainingError):
    """The loss became NaN or infinite; the sentence names step and learning rate."""


def root_cause(error: BaseException) -> BaseException:
    """The error that all others around it came of; Ray keeps it as ``cause``."""
    while (inner := getattr(error, "cause", None) or error.__cause__) is not None:
        error = inner
    return error


def innermost(error: BaseException) -> str:
    """The innermost cause in one line: Ray and Arrow put whole tracebacks and advice around it."""
    error = root_cause(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def disk_full(error: BaseException) -> DataError | None:
    """The error to tell when this one came of a full disk."""
    cause = innermost(error)
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or any(words in cause for words in DISK_FULL):
        return DataError(f"The disk is full ({cause}). Free some space, or set AIR_HOME and TMPDIR elsewhere.")
    return None


@contextmanager
def telling_of_a_full_disk() -> Iterator[None]:
    """Raise DataError where the block, or the function it decorates, ends because a disk is full."""
    try:
        yield
    except TrainingError:
        raise
    except Exception as error:
        told = disk_full(error)
        if told is None:
            raise
        raise told from error
