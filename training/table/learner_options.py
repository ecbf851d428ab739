"""Which options each learner of the table family has, and whether it can learn on this machine."""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec

from models.specs import Learner

NETWORK = ("epochs", "hidden_units", "weight_decay", "learning_rate", "early_stopping", "num_workers")
OPTIONS: dict[Learner, tuple[str, ...]] = {
    "xgboost": ("num_boost_round", "max_depth", "learning_rate", "params", "early_stopping", "num_workers"),
    "linear": ("l2",),
    "mlp": NETWORK,
    "keras": NETWORK,
}
NO_TENSORFLOW = 'needs TensorFlow, which is not installed: run "make extras" on this server, or take mlp'


def with_options(given: Collection[str], usual: Learner) -> Learner:
    """The learner that has all given options: the usual one, or the first other one; the usual one if none has."""
    named = [name for name in given if any(name in options for options in OPTIONS.values())]
    return next((one for one in (usual, *OPTIONS) if set(named) <= set(OPTIONS[one])), usual)


def idle(given: Collection[str], learner: Learner) -> list[str]:
    """Of the given options those that belong to other learners alone."""
    others = {name for options in OPTIONS.values() for name in options} - set(OPTIONS[learner])
    return [name for name in given if name in others]


def missing(learner: Learner) -> str:
    """Why a learner cannot learn here; empty if it can."""
    return NO_TENSORFLOW if learner == "keras" and find_spec("tensorflow") is None else ""
