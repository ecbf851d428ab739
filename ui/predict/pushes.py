"""The signed bars that show which features pushed the answer of a table model, and how far.

Numbers are log-odds toward the positive class: they add up to the logit of its probability.
"""

from __future__ import annotations

from markupsafe import Markup

from ui.kit.templates import render
from ui.predict.answer import Answer

SHOWN = 8
BIAS = "bias"


def pushes_card(contributions: dict[str, float], row: dict[str, float], answer: Answer) -> Markup:
    """The strongest pushes, the rest in one line, the starting point, and what they add up to."""
    features = sorted((name for name in contributions if name != BIAS), key=lambda name: -abs(contributions[name]))
    shown, rest = features[:SHOWN], features[SHOWN:]
    lines = [(f"{name} = {row[name]:g}", contributions[name]) for name in shown]
    if rest:
        lines.append((f"the other {len(rest)} features", sum(contributions[name] for name in rest)))
    lines.append(("starting point (bias)", contributions.get(BIAS, 0.0)))
    widest = max(abs(value) for _, value in lines) or 1.0
    return render(
        "predict/pushes.html",
        lines=[{"text": text, "value": value, "share": abs(value) / widest} for text, value in lines],
        positive=answer.positive,
        negative=answer.negative,
        count=len(contributions),
        total=sum(contributions.values()),
        probability=answer.probability,
    )
