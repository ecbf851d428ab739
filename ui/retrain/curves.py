"""How a figure moves from step to step of a training, drawn against the champion's: two small charts as SVG.

Not run by itself; the Retrain screen shows them. They take their colours from the style sheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from ui.kit.cards import percent, quiet
from ui.kit.client import IMAGES, TABLE

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 10, 30
MOST_POINTS = 240
NOTHING_YET = "The curves begin with the first figures."

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


LOSS = "how surprised it is by the right answers of pictures held back; lower is better"
CURVES = {
    IMAGES: [
        Curve("validation_loss", "Surprise (validation loss)", LOSS, "log_loss", share=False),
        Curve(
            "validation_accuracy",
            "Right answers (validation accuracy)",
            "the share of pictures held back that it names right; higher is better",
            "accuracy",
            share=True,
        ),
    ],
    TABLE: [
        Curve("validation_logloss", "Surprise (logloss)", LOSS.replace("pictures", "rows"), "logloss", share=False),
        Curve(
            "validation_error",
            "Wrong answers (error)",
            "the share of rows held back that it calls wrongly; lower is better",
            "error",
            share=True,
        ),
    ],
}
STEPS = {IMAGES: ("epochs", "passes over all pictures"), TABLE: ("trees", "each corrects the ones before")}


def steps_of(job: dict[str, Any]) -> int:
    """How many steps the job will have, as far as its configuration says."""
    return job["config"].get("epochs") or job["config"].get("num_boost_round") or 0


def curves(job: dict[str, Any], champion: dict[str, Any] | None) -> str:
    """Both charts of a job; `champion` is the champion's evaluation, without which there is no dashed line."""
    if not job["metrics"]:
        return quiet(NOTHING_YET)
    figures = "".join(_figure(curve, job, _final(curve, champion)) for curve in CURVES[job["model"]])
    words, meaning = STEPS[job["model"]]
    key = f"From left to right: {words} ({meaning})."
    if champion:
        key += f" Dashed: where the champion, version {champion['version']}, ended."
    return f'<div class="air-curves">{figures}</div>{quiet(key)}'


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


def _figure(curve: Curve, job: dict[str, Any], champion: float | None) -> str:
    points = _points(curve, job)
    if not points:
        return ""
    last = points[-1][1]
    words = STEPS[job["model"]][0]
    summary = f"{curve.title}: {curve.text(last)} after {points[-1][0]} {words}, {curve.text(points[0][1])} at first"
    against = "" if champion is None else f"; the champion ended at {curve.text(champion)}"
    now = "" if champion is None else f" <span>champion {curve.text(champion)}</span>"
    return (
        f"<figure><figcaption><strong>{escape(curve.title)}</strong><small>{escape(curve.meaning)}</small>"
        f'<p><b class="air-now">{curve.text(last)}</b>{now}</p></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(summary + against)}.">'
        f"{_drawing(curve, points, champion, steps_of(job))}</svg></figure>"
    )


def _drawing(curve: Curve, points: Points, champion: float | None, steps: int) -> str:
    values = [value for _, value in points] + ([] if champion is None else [champion])
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) or 1.0
    low, high = low - 0.08 * spread, high + 0.08 * spread
    if curve.share:
        low, high = max(low, 0.0), min(high, 1.0) if high > low else low + 1.0
    end = max(steps, points[-1][0], 2)

    def x(step: float) -> float:
        return LEFT + (step - 1) / (end - 1) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = []
    for value in (low, (low + high) / 2, high):
        parts.append(
            f'<line class="air-rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{curve.text(value)}</text>')
    for step, anchor in ((1, "start"), (end, "end")):
        parts.append(f'<text x="{x(step):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{step}</text>')
    if champion is not None:
        parts.append(_level("air-champion", y(champion)))
    line = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in points)
    parts.append(f'<polyline points="{line}"/>')
    parts.append(f'<circle cx="{x(points[-1][0]):.1f}" cy="{y(points[-1][1]):.1f}" r="4"/>')
    return "".join(parts)


def _level(kind: str, y: float) -> str:
    return f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
