"""How a figure moves from step to step of a training, drawn against the champion's: small charts as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ui.kit.cards import quiet
from ui.kit.templates import render
from ui.kit.words import percent

BOX = {"width": 360, "height": 190, "left": 58, "right": 350, "top": 10, "bottom": 160}
MOST_POINTS = 240
NOTHING_YET = "The curves begin with the first figures."
ONE_STEP = "This learner is fitted in one step, so there are no curves; the comparison has its figures."

Points = list[tuple[int, float]]


@dataclass(frozen=True)
class Curve:
    """A figure of each step: its key, a name, half a sentence, and where an evaluation has it."""

    key: str
    title: str
    meaning: str
    champion: str
    share: bool

    def text(self, value: float) -> str:
        """A value of it in words."""
        return percent(value) if self.share else f"{value:.3f}"


LOSS = "how little it expects the right answers of held-back data; lower is better"
# A training has those of them that its learner reports.
CURVES = [
    Curve("validation_loss", "Log loss (validation)", LOSS, "log_loss", share=False),
    Curve("validation_logloss", "Log loss (validation)", LOSS, "logloss", share=False),
    Curve("validation_mlogloss", "Log loss (validation)", LOSS, "logloss", share=False),
    Curve(
        "validation_rmse",
        "RMSE (validation)",
        "how far its answers are from the true numbers of held-back data; lower is better",
        "rmse",
        share=False,
    ),
    Curve(
        "validation_mae",
        "Mean absolute error (validation)",
        "by how much its answers are off on held-back data; lower is better",
        "mae",
        share=False,
    ),
    Curve(
        "validation_accuracy",
        "Accuracy (validation)",
        "the share of held-back data that it answers rightly; higher is better",
        "accuracy",
        share=True,
    ),
    Curve(
        "validation_error",
        "Error rate (validation)",
        "the share of held-back data that it answers wrongly; lower is better",
        "error",
        share=True,
    ),
    Curve(
        "validation_merror",
        "Error rate (validation)",
        "the share of held-back data that it answers wrongly; lower is better",
        "error",
        share=True,
    ),
]
EPOCHS, TREES = ("epochs", "passes over all data"), ("trees", "each corrects the ones before")


@dataclass(frozen=True)
class Scale:
    """Places in the chart of steps from 1 to ``end`` and values between ``low`` and ``high``."""

    end: int
    low: float
    high: float

    def x(self, step: float) -> float:
        """From left to right."""
        return round(BOX["left"] + (step - 1) / (self.end - 1) * (BOX["right"] - BOX["left"]), 1)

    def y(self, value: float) -> float:
        """From the top."""
        return round(BOX["top"] + (self.high - value) / (self.high - self.low) * (BOX["bottom"] - BOX["top"]), 1)


def curves(job: dict[str, Any], champion: dict[str, Any] | None) -> Markup:
    """The charts of a job; `champion` is the champion's evaluation, without which there is no dashed line."""
    if not job["metrics"]:
        return quiet(NOTHING_YET)
    if job["state"] == "succeeded" and len(job["metrics"]) == 1:
        return quiet(ONE_STEP)
    found = [(curve, points) for curve in CURVES if (points := _points(curve, job))]
    figures = [_figure(curve, points, job, _final(curve, champion)) for curve, points in found]
    words, meaning = _steps(job)
    key = f"From left to right: {words} ({meaning})."
    if champion:
        key += f" Dashed: where the champion, version {champion['version']}, ended."
    return render("retrain/curves.html", figures=figures, box=BOX, key=key)


def _steps(job: dict[str, Any]) -> tuple[str, str]:
    return TREES if "num_boost_round" in job["config"] else EPOCHS


def _final(curve: Curve, champion: dict[str, Any] | None) -> float | None:
    """The champion's last figure, as it was measured while it trained where that is known."""
    if champion is None:
        return None
    history = champion.get("history") or {}
    last = history[max(history, key=int)] if history else {}
    return last.get(curve.key, champion["validation"].get(curve.champion))


def _points(curve: Curve, job: dict[str, Any]) -> Points:
    """Steps from 1 with their values; a step that was done again after a break counts once, few enough to draw."""
    found = sorted({int(row["step"]) + 1: row[curve.key] for row in job["metrics"] if curve.key in row}.items())
    every = -(-len(found) // MOST_POINTS) or 1
    return found[::every] + ([found[-1]] if found and (len(found) - 1) % every else [])


def _figure(curve: Curve, points: Points, job: dict[str, Any], champion: float | None) -> dict[str, Any]:
    last, scale = points[-1], _scale(curve, points, job, champion)
    against = "" if champion is None else f"; the champion ended at {curve.text(champion)}"
    levels = (scale.low, (scale.low + scale.high) / 2, scale.high)
    return {
        "title": curve.title,
        "meaning": curve.meaning,
        "now": curve.text(last[1]),
        "champion": "" if champion is None else curve.text(champion),
        "summary": f"{curve.title}: {curve.text(last[1])} after {last[0]} {_steps(job)[0]}, "
        f"{curve.text(points[0][1])} at first{against}.",
        "rules": [(scale.y(value), curve.text(value)) for value in levels],
        "end": scale.end,
        "level": None if champion is None else scale.y(champion),
        "line": " ".join(f"{scale.x(step)},{scale.y(value)}" for step, value in points),
        "dot": (scale.x(last[0]), scale.y(last[1])),
    }


def _scale(curve: Curve, points: Points, job: dict[str, Any], champion: float | None) -> Scale:
    values = [value for _, value in points] + ([] if champion is None else [champion])
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) or 1.0
    low, high = low - 0.08 * spread, high + 0.08 * spread
    if curve.share:
        low, high = max(low, 0.0), min(high, 1.0) if high > low else low + 1.0
    steps = job["config"].get("epochs") or job["config"].get("num_boost_round") or 0
    return Scale(max(steps, points[-1][0], 2), low, high)
