"""Checks XGBoost's further parameters of a training: not set by the program or an option, and known to XGBoost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

FIXED = {
    *("objective", "num_class", "num_target", "num_feature", "eval_metric", "disable_default_eval_metric"),
    *("device", "nthread", "n_jobs", "verbosity", "silent", "use_rmm", "validate_parameters"),
}
# XGBoost's names for parameters that are options of a training.
OPTIONS = {
    "max_depth": "max_depth",
    "learning_rate": "learning_rate",
    "eta": "learning_rate",
    "seed": "seed",
    "random_state": "seed",
    "num_boost_round": "num_boost_round",
    "num_round": "num_boost_round",
    "n_estimators": "num_boost_round",
}
# XGBoost treats each of these pairs as one parameter; of two values it takes either.
SAME = {"lambda": "reg_lambda", "alpha": "reg_alpha", "min_split_loss": "gamma"}
PLACE = re.compile(r"^(\[[\d:]+\] \S+:\d+: )?(Check failed: .*? ?: )?")
# Entries of XGBoost's configuration that are not parameters.
NOT_PARAMS = {"name", "version", "num_trees", "updater_seq", "specified_updater"}


def refuse_without_effect(own: dict[str, Any], params: dict[str, Any]) -> None:
    """Raise ValueError with a sentence about a further parameter that has no effect or is given twice.

    ``own`` are the parameters that the program sets. XGBoost itself decides which others it knows and which values
    are valid.
    """
    for name in params:
        if name in FIXED:
            raise ValueError(f"{name} is set by the program and cannot be changed")
        if name in OPTIONS:
            raise ValueError(
                f"{name[:80]} is not a further parameter: the option {OPTIONS[name]} sets it; use only that"
            )
        if (other := SAME.get(name)) in params:
            raise ValueError(f"{name} and {other} are two names of one parameter; give one of them")
    if not params:
        return
    known = _known_to_xgboost(own | params)
    unknown = next((name for name in params if name not in known), None)
    if unknown is not None:
        raise ValueError(f"XGBoost has no parameter {unknown[:80]!r} that has an effect here")
    idle = next((name for name in ("max_depth", "learning_rate", "tree_method") if name not in known), None)
    if idle is not None:
        raise ValueError(f"with booster {params.get('booster')!r} the option {idle} would have no effect; leave it out")


def problem_of(error: Exception) -> str:
    """The message of an XGBoostError: its first line, without time, place in the source and failed condition."""
    return PLACE.sub("", str(error).splitlines()[0]).removesuffix(".")


def _known_to_xgboost(params: dict[str, Any]) -> set[str]:
    """The names in XGBoost's configuration of a booster with these parameters. Raises ValueError if it refuses them."""
    import numpy as np
    import xgboost as xgb

    row = xgb.DMatrix(np.zeros((1, 1)), label=[0], nthread=1)
    try:
        # For unknown names XGBoost only warns, through a hook that all threads share.
        with xgb.config_context(verbosity=0):
            configured = xgb.Booster(params, [row]).save_config()
    except xgb.core.XGBoostError as error:
        raise ValueError(f"XGBoost refuses the parameters: {problem_of(error)}") from None
    return set(_names(json.loads(configured))) - NOT_PARAMS


def _names(found: Any) -> Iterator[str]:
    if isinstance(found, list):
        found = dict(enumerate(found))
    if isinstance(found, dict):
        for name, value in found.items():
            if isinstance(value, (dict, list)):
                yield from _names(value)
            else:
                yield str(name)
