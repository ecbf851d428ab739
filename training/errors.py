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
