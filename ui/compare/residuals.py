"""The residuals of a regression, how far its answers are above or below the truth, drawn as a histogram a version."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ui.kit.words import quantity

BOX = {"width": 360, "height": 150, "left": 4, "right": 356, "top": 8, "bottom": 122}


@dataclass(frozen=True)
class Scale:
    """Places in the chart of residuals between ``low`` and ``high`` and of up to ``most`` rows in a bin."""

    low: float
    high: float
    most: int

    def x(self, residual: float) -> float:
        """From left to right."""
        wide = BOX["right"] - BOX["left"]
        return round(BOX["left"] + (residual - self.low) / (self.high - self.low) * wide, 1)

    def tall(self, count: int) -> float:
        """The height of a bar."""
        return round(count / self.most * (BOX["bottom"] - BOX["top"]), 1)


def charts(shown: list[tuple[dict[str, Any], str]], unit: str) -> list[dict[str, Any]]:
    """A chart for each evaluation that has residuals, with its title; all on one scale, so that they compare."""
    found = [(each["validation"]["residuals"], title) for each, title in shown if "residuals" in each["validation"]]
    if not found:
        return []
    edges = [edge for residuals, _ in found for edge in residuals["edges"]]
    low, high = min(0.0, *edges), max(0.0, *edges)
    scale = Scale(low, high if high > low else low + 1.0, max(max(residuals["counts"]) for residuals, _ in found) or 1)
    return [_chart(residuals, title, scale, unit) for residuals, title in found]


def _chart(residuals: dict[str, Any], title: str, scale: Scale, unit: str) -> dict[str, Any]:
    edges, counts = residuals["edges"], residuals["counts"]
    bars = [
        {"x": scale.x(left), "width": max(1.0, scale.x(right) - scale.x(left) - 1), "height": scale.tall(count)}
        for (left, right), count in zip(pairwise(edges), counts, strict=True)
    ]
    fullest = max(range(len(counts)), key=counts.__getitem__)
    summary = (
        f"{title}: residuals from {quantity(edges[0], unit)} to {quantity(edges[-1], unit)}; most rows, "
        f"{counts[fullest]} of {sum(counts)}, between {quantity(edges[fullest], unit)} and "
        f"{quantity(edges[fullest + 1], unit)}."
    )
    ends = {"low": quantity(scale.low, unit), "high": quantity(scale.high, unit), "zero": scale.x(0)}
    return {"title": title, "bars": bars, "summary": summary, **ends}
