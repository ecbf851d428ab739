"""The signed bars that show which features pushed the answer of a table model, and how far.

Of a binary model the numbers are log-odds toward the positive class, of one of several classes toward the answered
one; of a regression they are in the unit of the answer. They add up to the logit, the margin, the number.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from ui.kit.templates import render
from ui.kit.words import percent, quantity, signed
from ui.predict.answer import Answer
from ui.predict.cells import in_words

SHOWN = 8
BIAS = "bias"


def pushes_card(contributions: dict[str, float], row: dict[str, Any], answer: Answer) -> Markup:
    """The strongest pushes, the rest in one line, the starting point, and what they add up to."""
    features = sorted((name for name in contributions if name != BIAS), key=lambda name: -abs(contributions[name]))
    shown, rest = features[:SHOWN], features[SHOWN:]
    lines = [(f"{name} = {in_words(row.get(name))}", contributions[name]) for name in shown]
    if rest:
        lines.append((f"the other {len(rest)} features", sum(contributions[name] for name in rest)))
    lines.append(("starting point (bias)", contributions.get(BIAS, 0.0)))
    # The starting point of a number is no push, and larger than any of them.
    widest = max((abs(value) for _, value in (lines[:-1] if answer.value is not None else lines)), default=0.0) or 1.0
    up, down = _directions(answer)
    return render(
        "predict/pushes.html",
        lines=[
            {"text": text, "value": value, "shown": _shown(value, answer), "share": min(abs(value) / widest, 1.0)}
            for text, value in lines
        ],
        up=up,
        down=down,
        count=len(contributions),
        sum=_sum(sum(contributions.values()), answer),
    )


def _directions(answer: Answer) -> tuple[str, str]:
    """What a bar to the right and one to the left does."""
    if answer.value is not None:
        return "raises it", "lowers it"
    if answer.positive:
        return f"pushes toward {answer.positive}", f"pushes toward {answer.negative}"
    return f"pushes toward {answer.label}", f"pushes away from {answer.label}"


def _shown(value: float, answer: Answer) -> str:
    if answer.value is None:
        return signed(value)
    return f"{'−' if value < 0 else '+'}{quantity(abs(value))}"


def _sum(total: float, answer: Answer) -> str:
    if answer.value is not None:
        return f"{quantity(total, answer.unit)}, the answer"
    if answer.positive:
        share = percent(answer.probability)
        return f"{signed(total)}, the logit of the answer: a probability of {answer.positive} of {share}"
    return f"{signed(total)}, the score of {answer.label} before it becomes a probability"
