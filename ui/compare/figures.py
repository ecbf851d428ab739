"""A version beside the champion: figures on the validation set, confusions or residuals, and what the gate will say.

Which figures there are, how to show them, and the gate's rule come from the API (``about`` of a model).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ui.compare import residuals
from ui.kit.cards import notice
from ui.kit.templates import render
from ui.kit.words import percent, quantity

Evaluation = dict[str, Any]
About = dict[str, Any]
OTHER_DATA = "The two were measured on different data, so their figures cannot be compared."
ITSELF = "This is the champion itself. Choose another version, or train one, to compare it with the champion."


@dataclass(frozen=True)
class Figure:
    """A figure of an evaluation, as a model's ``about`` describes it."""

    key: str
    title: str
    help: str
    form: str
    better: str

    def read(self, figures: Evaluation) -> float:
        """Its value among the figures of a data set. Raises KeyError or IndexError where there is none."""
        value: Any = figures
        for part in self.key.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        return value

    def is_in(self, figures: Evaluation) -> bool:
        """Whether it was measured; an early version may lack it."""
        try:
            self.read(figures)
        except (KeyError, IndexError):
            return False
        return True

    def text(self, value: float) -> str:
        """A value of it in words."""
        match self.form:
            case "share" | "error":
                return percent(value)
            case "count":
                return f"{value:.0f}"
        return _number(value)

    def amount(self, change: float) -> str:
        """A difference of two values in words."""
        match self.form:
            case "share" | "error":
                return f"{100 * abs(change):.1f} points"
            case "count":
                return f"{abs(change):.0f}"
        return _number(abs(change))

    def difference(self, champion: float, candidate: float) -> tuple[str, str]:
        """How the candidate differs, in words, and `good`, `problem` or nothing."""
        amount = self.amount(candidate - champion)
        if not amount.split()[0].strip("0."):
            return "the same", ""
        better = (candidate > champion) == (self.better == "high")
        return f"{'better' if better else 'worse'} by {amount}", "good" if better else "problem"


def _number(value: float) -> str:
    return quantity(value) if abs(value) >= 100 else f"{value:.3f}"


def _figures(about: About) -> list[Figure]:
    return [Figure(**described) for described in about["figures"]]


def _deciding(about: About) -> Figure:
    """The figure that the gate compares."""
    figures = _figures(about)
    return next((figure for figure in figures if f"validation_{figure.key}" == about["gate"]["metric"]), figures[0])


def side_by_side(about: About, thing: str, champion: Evaluation, candidate: Evaluation, *, same_data: bool) -> Markup:
    """The whole comparison, with the champion itself in both places only its figures; ``thing``: picture or row."""
    alone = champion["version"] == candidate["version"]
    beside = [] if alone else [(candidate, f"Version {candidate['version']}, challenger")]
    verdict, look = (ITSELF, "info") if alone else _verdict(about, champion, candidate, same_data)
    titles = ["Figure", f"Champion, version {champion['version']}"]
    shown = [(champion, f"Version {champion['version']}, champion"), *beside]
    return render(
        "compare/comparison.html",
        verdict=verdict,
        look=look,
        titles=titles if alone else [*titles, f"Version {candidate['version']}", "Difference"],
        rows=[
            _row(figure, champion["validation"], None if alone else candidate["validation"])
            for figure in _figures(about)
            if figure.is_in(champion["validation"]) and figure.is_in(candidate["validation"])
        ],
        measured=_measured(thing, champion["validation"]),
        matrices=[_matrix(each, title) for each, title in shown if "confusion" in each["validation"]],
        residuals=residuals.charts(shown, about.get("unit", "")),
        box=residuals.BOX,
        test=_test(about, candidate),
    )


def _verdict(about: About, champion: Evaluation, candidate: Evaluation, same_data: bool) -> tuple[str, str]:
    if not same_data:
        return OTHER_DATA, "warning"
    figure = _deciding(about)
    old, new = figure.read(champion["validation"]), figure.read(candidate["validation"])
    words, look = figure.difference(old, new)
    text = (
        f"Version {candidate['version']} is {words} in the figure that decides, {figure.title}: "
        f"{figure.text(new)} against the champion's {figure.text(old)}."
    )
    return text, {"good": "good", "problem": "warning"}.get(look, "info")


def _row(figure: Figure, champion: Evaluation, candidate: Evaluation | None) -> dict[str, str]:
    old = figure.read(champion)
    row = {"title": figure.title, "help": figure.help, "champion": figure.text(old), "version": ""}
    if candidate is None:
        return row
    new = figure.read(candidate)
    words, look = figure.difference(old, new)
    return row | {"version": figure.text(new), "difference": words, "look": look}


def _measured(thing: str, validation: Evaluation) -> str:
    rows = validation["rows"]
    text = f"Measured on {rows} validation {thing}s, which no version learned from."
    return f"{text} One {thing} is {100 / rows:.2g} points." if rows and "confusion" in validation else text


def _matrix(evaluation: Evaluation, title: str) -> dict[str, Any]:
    confusion = evaluation["validation"]["confusion"]
    labels, matrix = confusion["labels"], confusion["matrix"]
    rows = [(label, _cells(line, place)) for place, (label, line) in enumerate(zip(labels, matrix, strict=True))]
    return {"title": title, "labels": labels, "rows": rows}


def _cells(line: list[int], place: int) -> list[dict[str, Any]]:
    whole = sum(line) or 1
    return [
        {"count": int(count), "share": count / whole, "right": column == place} for column, count in enumerate(line)
    ]


def _test(about: About, candidate: Evaluation) -> str:
    figure = _deciding(about)
    value = figure.text(figure.read(candidate["test"]))
    return (
        f"On the test set, version {candidate['version']} has {figure.title} {value} ({figure.help}). "
        "For information only: it is not used to choose a version."
    )


def gate_text(about: About, champion: dict[str, Any], candidate: dict[str, Any]) -> Markup:
    """What the gate will decide about a version that is to replace the champion."""
    gate, figure = about["gate"], _deciding(about)
    who, metric = f"version {candidate['version']}", gate["metric"]
    if champion["source"]["data"].get("fingerprint") != candidate["source"]["data"].get("fingerprint"):
        return notice(f"The gate will refuse {who}: it was measured on other data than the champion.", "warning")
    if metric not in champion["metrics"] or metric not in candidate["metrics"]:
        return notice(f"The gate will refuse {who}: the {gate['words']} was not measured for both.", "warning")
    old, new = champion["metrics"][metric], candidate["metrics"][metric]
    passes = new >= old - gate["margin"]
    allowed = figure.amount(gate["margin"])
    text = (
        f"The gate will {'accept' if passes else 'refuse'} {who}: its {gate['words']} is {figure.text(new)}, the "
        f"champion's {figure.text(old)}, and a drop of up to {allowed} is allowed."
    )
    return notice(text, "good" if passes else "warning")
