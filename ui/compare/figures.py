"""A version beside the champion: figures on the validation set with the difference in words, and what is mixed up.

Not run by itself; the Retrain screen shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from ui.kit.cards import notice, percent, quiet
from ui.kit.client import IMAGES, TABLE

Evaluation = dict[str, Any]
OTHER_DATA = "The two were measured on other data, so their figures cannot be compared."
ITSELF = "This is the champion itself. Choose another version, or train one, to see it beside the champion."


@dataclass(frozen=True)
class Figure:
    """A figure of an evaluation: a name, half a sentence, how to read it, and whether more of it is better."""

    title: str
    meaning: str
    read: Callable[[Evaluation], float]
    kind: str
    higher_is_better: bool

    def text(self, value: float) -> str:
        """A value of it in words."""
        return {"share": percent(value), "count": f"{value:.0f}"}.get(self.kind) or f"{value:.3f}"

    def difference(self, champion: float, candidate: float) -> tuple[str, str]:
        """How the candidate differs, in words, and `good`, `problem` or nothing."""
        change = candidate - champion
        amount = {"share": f"{100 * abs(change):.1f} points", "count": f"{abs(change):.0f}"}.get(self.kind)
        amount = amount or f"{abs(change):.3f}"
        if not amount.split()[0].strip("0."):
            return "the same", ""
        better = (change > 0) == self.higher_is_better
        return f"{'better' if better else 'worse'} by {amount}", "good" if better else "problem"


def _wrongly(row: int, column: int) -> Callable[[Evaluation], float]:
    return lambda figures: figures["confusion"]["matrix"][row][column]


# What lets a version into service, as models/gate.py has it: the metric that decides, how much less is let pass.
GATE = {IMAGES: ("validation_accuracy", 0.005), TABLE: ("validation_auc", 0.005)}
FIGURES = {
    IMAGES: [
        Figure("Right answers", "pictures named right (accuracy)", lambda f: f["accuracy"], "share", True),
        Figure("Surprise", "how little it expected the truth (log loss)", lambda f: f["log_loss"], "number", False),
        Figure(
            "Honesty",
            "how far its percentages are from how often it is right (calibration error)",
            lambda f: f["calibration"]["expected_calibration_error"],
            "share",
            False,
        ),
    ],
    TABLE: [
        Figure("Order", "malignant ranked above benign; 1 is all (AUC)", lambda f: f["auc"], "number", True),
        Figure("Wrong answers", "rows called wrongly (error)", lambda f: f["error"], "share", False),
        Figure("Surprise", "how little it expected the truth (logloss)", lambda f: f["logloss"], "number", False),
        Figure("Misses", "malignant, called benign", _wrongly(0, 1), "count", False),
        Figure("False alarms", "benign, called malignant", _wrongly(1, 0), "count", False),
    ],
}


def side_by_side(model: str, champion: Evaluation, candidate: Evaluation, *, same_data: bool) -> str:
    """The whole comparison as HTML; with the champion itself in both places there is nothing to compare."""
    alone = champion["version"] == candidate["version"]
    parts = [notice(ITSELF)] if alone else [_verdict(model, champion, candidate, same_data)]
    parts.append(_table(model, champion, None if alone else candidate))
    rows = champion["validation"]["rows"]
    what = "picture" if model == IMAGES else "row"
    told = f"Measured on {rows} validation {what}s: held back, no version learned from them."
    parts.append(quiet(f"{told} One {what} is {100 / rows:.2g} points." if rows else told))
    matrices = _matrix(champion, "the champion") + ("" if alone else _matrix(candidate, "beside it"))
    parts.append("<h3>What is taken for what</h3>")
    parts.append(quiet("Each line is a truth, each column an answer: what lies on the diagonal was right."))
    parts.append(f'<div class="air-matrices">{matrices}</div>')
    parts.append(_test(model, candidate))
    return f'<div class="air-stack">{"".join(parts)}</div>'


def _verdict(model: str, champion: Evaluation, candidate: Evaluation, same_data: bool) -> str:
    if not same_data:
        return notice(OTHER_DATA, "warning")
    figure = FIGURES[model][0]
    old, new = figure.read(champion["validation"]), figure.read(candidate["validation"])
    words, kind = figure.difference(old, new)
    text = (
        f"Version {candidate['version']} is {words} in the figure that decides, “{figure.title}”: "
        f"{figure.text(new)} against the champion's {figure.text(old)}."
    )
    return notice(text, {"good": "good", "problem": "warning"}.get(kind, "info"))


def gate_text(model: str, champion: dict[str, Any], candidate: dict[str, Any]) -> str:
    """What the gate will say to a version that is to replace the champion."""
    (metric, margin), figure = GATE[model], FIGURES[model][0]
    who = f"version {candidate['version']}"
    if champion["source"]["data"].get("fingerprint") != candidate["source"]["data"].get("fingerprint"):
        return notice(f"The gate will refuse {who}: it was measured on other data than the champion.", "warning")
    if metric not in champion["metrics"] or metric not in candidate["metrics"]:
        return notice(f"The gate will refuse {who}: “{figure.title}” was not measured for both.", "warning")
    old, new = champion["metrics"][metric], candidate["metrics"][metric]
    passes = new >= old - margin
    allowed = f"{100 * margin:g} points" if figure.kind == "share" else f"{margin:g}"
    text = (
        f"The gate will {'let' if passes else 'refuse'} {who}{' pass' if passes else ''}: “{figure.title}” is "
        f"{figure.text(new)}, the champion's {figure.text(old)}, and up to {allowed} less is let pass."
    )
    return notice(text, "good" if passes else "warning")


def _table(model: str, champion: Evaluation, candidate: Evaluation | None) -> str:
    heads = ["Figure", f"Champion, version {champion['version']}"]
    if candidate:
        heads += [f"Version {candidate['version']}", "Difference"]
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    rows = "".join(_row(figure, champion, candidate) for figure in _known(model, champion, candidate or champion))
    return f'<table class="air-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _known(model: str, *evaluations: Evaluation) -> list[Figure]:
    """The figures that all of these have; an early version may lack one."""
    return [figure for figure in FIGURES[model] if all(_has(figure, one["validation"]) for one in evaluations)]


def _has(figure: Figure, figures: Evaluation) -> bool:
    try:
        figure.read(figures)
    except (KeyError, IndexError):
        return False
    return True


def _row(figure: Figure, champion: Evaluation, candidate: Evaluation | None) -> str:
    old = figure.read(champion["validation"])
    cells = f"<td>{figure.text(old)}</td>"
    if candidate:
        new = figure.read(candidate["validation"])
        words, kind = figure.difference(old, new)
        cells += f'<td>{figure.text(new)}</td><td class="air-diff-{kind or "none"}">{words}</td>'
    return f'<tr><th scope="row">{escape(figure.title)}<small>{escape(figure.meaning)}</small></th>{cells}</tr>'


def _matrix(evaluation: Evaluation, who: str) -> str:
    confusion = evaluation["validation"]["confusion"]
    labels, matrix = confusion["labels"], confusion["matrix"]
    head = "".join(f'<th scope="col"><span>{escape(label)}</span></th>' for label in labels)
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>{_cells(line, place)}</tr>'
        for place, (label, line) in enumerate(zip(labels, matrix, strict=True))
    )
    wide = " air-many" if len(labels) > 4 else ""
    return (
        f'<table class="air-matrix{wide}"><caption>Version {escape(evaluation["version"])}, {escape(who)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cells(line: list[int], place: int) -> str:
    whole = sum(line) or 1
    return "".join(
        f'<td class="{"air-right" if column == place else "air-wrong"}" style="--share:{count / whole:.3f}">'
        f"{int(count)}</td>"
        for column, count in enumerate(line)
    )


def _test(model: str, candidate: Evaluation) -> str:
    figure = FIGURES[model][0]
    told = figure.text(figure.read(candidate["test"]))
    text = f"On the test set, version {candidate['version']}: {told}, {figure.meaning}. Told once, decides nothing."
    return f'<p class="air-quiet"><small>{escape(text)}</small></p>'
