"""From a trial of the Tuning screen to the form of the Retrain screen: what is filled in, and what goes along."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from ui.kit.cards import notice
from ui.tuning.words import parameters

# Model, training configuration, the parameters that were tried, and where they are from.
Found = dict[str, Any]
SHOW_RETRAIN = "() => { if (airTabs.open('Retrain')) scrollTo({top: 0}); }"


def found(study: dict[str, Any], trial: str) -> Found | None:
    """What to train with to repeat a trial; None when the study does not say."""
    best = study["best"]
    params = next((each["params"] for each in study["trials"] if each["trial"] == trial), None)
    if best is None or params is None:
        return None
    own = {name: value for name, value in params.items() if name in best["config"]}
    further = {name: value for name, value in params.items() if name not in own}
    config = best["config"] | own
    if further:
        config |= {"params": config.get("params", {}) | further}
    source = f"study {study['study']}, trial {trial}"
    return {"model": study["model"], "config": config, "params": params, "from": source, "at": time.time_ns()}


def text(taken: Found, name: str) -> str:
    """What to fill into the field of an option."""
    value = taken["config"].get(name)
    return "" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)


def carried(taken: Found | None, model: str, fields: Iterable[str]) -> dict[str, Any]:
    """The part of the configuration that the form has no field for."""
    if taken is None or taken["model"] != model:
        return {}
    return {name: value for name, value in taken["config"].items() if name not in set(fields)}


def note(taken: Found, fields: Iterable[str]) -> Markup:
    """What is trained with, and what of it no field shows."""
    hidden = {name: value for name, value in taken["params"].items() if name not in set(fields)}
    further = f", and besides the fields: {parameters(hidden)}" if hidden else ""
    return notice(f"With the parameters of {taken['from']}{further}.")
