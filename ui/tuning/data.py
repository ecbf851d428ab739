"""A study as ui/tuning/study.js draws it: few bytes for many trials, and of a running one only what has changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ui.tuning.words import LEARNER, TRIAL_STATES, finite, metric_of, parameter

Study = dict[str, Any]
DIGITS = 6
# A trial as a list: id, state, why it ended, duration, seconds from the study's begin to the trial's end,
# its parameters, its curve as pairs of step and value, and its learner in a study over learners.
Row = list[Any]


def message(study: Study | None, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """What to send: all of it, or what has changed since `before`, which was sent last; None for nothing new."""
    if study is None:
        return None
    now = picture(study)
    if not before or any(before[key] != now[key] for key in ("id", "params")):
        return now | {"number": 1, "base": 0}
    known = before["rows"]
    changed = [row for row in now["trials"] if known.get(row[0]) != row]
    gone = len(known) + sum(row[0] not in known for row in changed) != len(now["trials"])
    if gone:
        return now | {"number": before["number"] + 1, "base": 0}
    if not changed and all(before[key] == now[key] for key in ("best", "reading", "order")):
        return None
    return now | {"trials": changed, "number": before["number"] + 1, "base": before["number"]}


def sent(message: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """What to remember of a message, to find out what has changed."""
    known = before["rows"] if before and message["base"] else {}
    kept = {key: message[key] for key in ("id", "number", "params", "best", "reading", "order")}
    return kept | {"rows": known | {row[0]: row for row in message["trials"]}}


def picture(study: Study) -> dict[str, Any]:
    """Everything that is drawn, with the words for it."""
    space = (study["config"] or {}).get("space") or {}
    tried = dict.fromkeys(name for trial in study["trials"] for name in trial["params"] if name != LEARNER)
    names = [*(name for name in space if name in tried), *(name for name in tried if name not in space)]
    values = {name: [finite(trial["params"].get(name)) for trial in study["trials"]] for name in names}
    params = [_parameter(study["tunable"], name, space.get(name), values[name]) for name in names]
    ranked = (study["importance"] or {}).get("params", {})
    order = sorted(range(len(names)), key=lambda place: (-ranked.get(names[place], 0), place))
    return {
        "id": study["study"],
        "metric": {
            "title": metric_of(study["metric"]).title,
            "share": metric_of(study["metric"]).share,
            "mode": study["mode"],
        },
        "step": study["step"],
        "states": TRIAL_STATES,
        "params": params,
        "order": order,
        "best": study["best"]["trial"] if study["best"] else None,
        "reading": readings(study),
        "trials": [_row(study, trial, names) for trial in study["trials"]],
    }


def readings(study: Study) -> dict[str, str]:
    """One sentence for each chart that says how to read it."""
    metric = metric_of(study["metric"])
    better, count = "lower" if study["mode"] == "min" else "higher", len(study["trials"])
    return {
        "progress": "Each mark is a trial, in the order in which they ended; the line is the best so far. "
        f"{metric.title} is {metric.meaning}: {better} is better.",
        "scatters": "Each mark is a trial: from left to right the value that it tried, upwards its "
        f"{metric.title.lower()} ({better} is better). Marks that slope or gather show that the value matters; "
        "a level cloud shows that it does not. Outliers are drawn at the edge.",
        "parallel": "Follow a line from left to right: what one trial tried, and on the last axis what came of it, "
        "better further up. Thick lines are the best tenth; where they run together, the value is right.",
        "curves": f"Each line is a trial that learns from left to right, to the {study['step']} where it ended. "
        "A triangle is a trial that was stopped early because others were better by then; the thick line is the best.",
        "table": f"{count} trial{'s' if count != 1 else ''}. Choose one to see it marked in every chart; "
        "press the name of a column to sort by it.",
    }


def _parameter(
    tunable: dict[str, Any], name: str, dimension: dict[str, Any] | None, values: list[float | None]
) -> dict[str, Any]:
    title, meaning = parameter(tunable, name)
    words = {"name": name, "title": title, "meaning": meaning}
    known = [value for value in values if value is not None]
    if dimension and dimension["type"] == "choice":
        return words | {"type": "choice", "values": sorted({*dimension["values"], *known})}
    low, high = min(known, default=0), max(known, default=1)
    if dimension:
        low, high = min(low, dimension["low"]), max(high, dimension["high"])
    return words | {"type": dimension["type"] if dimension else "float", "low": low, "high": high}


def _row(study: Study, trial: dict[str, Any], names: list[str]) -> Row:
    duration = finite(trial["duration_s"])
    begun = datetime.fromisoformat(study["created"]).timestamp()
    ended = None if duration is None else round(trial["started"] + duration - begun, 2)
    points = ((finite(row.get("step")), finite(row.get(study["metric"]))) for row in trial["metrics"])
    curve = [[step, _rounded(value)] for step, value in points if step is not None and value is not None]
    params = [_rounded(finite(trial["params"].get(name))) for name in names]
    learner = trial["params"].get(LEARNER)
    return [trial["trial"], trial["state"], trial["stopped_because"], duration, ended, params, curve, learner]


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.{DIGITS}g}")
