"""The search space as a person types it: its fields, which ui/tuning/space.js draws, their faults, what is sent."""

from __future__ import annotations

import math
from typing import Any

from ui.tuning.words import number, parameter

# The fields of one parameter: name, title, meaning, type, on, and as they were typed low and high, or values.
Row = dict[str, Any]
# What is wrong by parameter: the field, or "" for the whole row, and a sentence. The parameter "" is the whole space.
Faults = dict[str, dict[str, str]]
NOTHING = "Tick at least one parameter to try."
LABELS = {"low": "From", "high": "To", "values": "Values"}


def rows(searches: dict[str, Any], preset: str) -> list[Row]:
    """A row for each parameter that may be tried, those of the preset ticked and first."""
    space = next((item["space"] for item in searches["searches"] if item["preset"] == preset), {})
    possible = searches["tunable"] | space
    names = [*space, *(name for name in possible if name not in space)]
    return [_row(searches["tunable"], name, possible[name], on=name in space) for name in names]


def _row(tunable: dict[str, Any], name: str, dimension: dict[str, Any], *, on: bool) -> Row:
    title, meaning = parameter(tunable, name)
    row = {"name": name, "title": title, "meaning": meaning, "type": dimension["type"], "on": on}
    if dimension["type"] == "choice":
        return row | {"values": ", ".join(number(value) for value in dimension["values"])}
    ends = {key: dimension[key] for key in ("low", "high")}
    return row | {key: "" if end is None else number(end) for key, end in ends.items()}


def check(given: list[Row], tunable: dict[str, Any]) -> Faults:
    """What is wrong with the ticked rows, as far as it can be seen here; the API has the last word."""
    ticked = [row for row in given if row["on"]]
    faults = {row["name"]: fault for row in ticked if (fault := _fault(row, tunable.get(row["name"], {})))}
    return faults if ticked else {"": _fault_in("", NOTHING)}


def _fault(row: Row, limits: dict[str, Any]) -> dict[str, str] | None:
    fields = ("values",) if row["type"] == "choice" else ("low", "high")
    for key in fields:
        label = LABELS[key]
        texts = [text.strip() for text in row[key].split(",")] if key == "values" else [row[key].strip()]
        if texts == [""]:
            return _fault_in(key, f"“{label}” is empty.")
        for text in texts:
            if fault := _wrong_number(text, label, row, limits):
                return _fault_in(key, fault)
        if len({read(text) for text in texts}) < len(texts):
            return _fault_in(key, f"“{label}” names one of them twice.")
    if row["type"] == "choice":
        return None
    low, high = (read(row[key]) for key in fields)
    if row["type"] == "log" and low <= 0:
        return _fault_in("low", f"“From” is {number(low)}; it must be above 0.")
    if low >= high:
        return _fault_in("", f"“From” is {number(low)} and “To” is {number(high)}; “From” must be the smaller one.")
    return None


def _wrong_number(text: str, label: str, row: Row, limits: dict[str, Any]) -> str:
    value = read(text)
    if value is None:
        return f"“{label}”: “{text[:20]}” is not a number."
    if row["type"] == "int" and not isinstance(value, int):
        return f"“{label}” is {number(value)}; it must be a whole number."
    low, high = limits.get("low"), limits.get("high")
    if (low is not None and value < low) or (high is not None and value > high):
        return f"“{label}” is {number(value)}; it can be {_between(low, high)}."
    return ""


def _between(low: float | None, high: float | None) -> str:
    """`1 to 15`; None is no end."""
    if low is None or high is None:
        return f"at most {number(high)}" if low is None else f"{number(low)} or more"
    return f"{number(low)} to {number(high)}"


def read(text: str) -> float | int | None:
    """A number as it was typed, with a point or, alone in its field, a comma."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def space(given: list[Row]) -> dict[str, Any]:
    """The ticked rows, in which nothing is wrong, as the API takes them."""
    return {row["name"]: _dimension(row) for row in given if row["on"]}


def _dimension(row: Row) -> dict[str, Any]:
    if row["type"] == "choice":
        return {"type": "choice", "values": [read(text) for text in row["values"].split(",")]}
    return {"type": row["type"], "low": read(row["low"]), "high": read(row["high"])}


def refused(path: list[str], problem: str, given: list[Row]) -> Faults:
    """The row and field that a refusal of the API is about: ``path`` leads to an option of the job."""
    match path:
        case ["space", name, *rest] if name in {row["name"] for row in given}:
            field = rest[0] if rest and rest[0] in LABELS else ""
            text = f"“{LABELS[field]}” {problem}" if field else f"{problem[:1].upper()}{problem[1:]}"
            return {name: _fault_in(field, f"{text}.")}
        case ["space", *_]:
            return {"": _fault_in("", f"{problem[:1].upper()}{problem[1:]}.")}
    return {}


def _fault_in(field: str, text: str) -> dict[str, str]:
    return {"field": field, "text": text}
