"""What can go wrong before or during training, as one sentence with a way out.

TrainingError
├── DataError        no data source, or one that is damaged
├── ConfigError      an option is unknown or out of range
└── DivergedError    the loss became NaN or infinite
"""

from __future__ import annotations


class TrainingError(Exception):
    """Base class; str() is one sentence for a person."""


class DataError(TrainingError):
    """The data source is missing, damaged or not what its name says."""


class ConfigError(TrainingError):
    """An option is unknown or out of range; the sentence names it and what would be right."""


class DivergedError(TrainingError):
    """The loss became NaN or infinite; the sentence names step and learning rate."""


def innermost(error: BaseException) -> str:
    """The innermost cause in one line: Ray and Arrow put whole tracebacks and advice around it."""
    while getattr(error, "cause", None) or error.__cause__:
        error = getattr(error, "cause", None) or error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
