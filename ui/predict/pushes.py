"""The signed bars that show which features pushed an answer of the table model, and how far.

Not run by itself; the Table screen shows it. Numbers are log-odds toward malignant: they add up
to the logit of the probability.
"""

from __future__ import annotations

from html import escape

from ui.kit.cards import card, percent

SHOWN = 8
BIAS = "bias"


def pushes_card(contributions: dict[str, float], row: dict[str, float], probability: float) -> str:
    """The strongest pushes, the rest in one line, the starting point, and what they add up to."""
    features = sorted((name for name in contributions if name != BIAS), key=lambda name: -abs(contributions[name]))
    shown, rest = features[:SHOWN], features[SHOWN:]
    lines = [(f"{name} = {row[name]:g}", contributions[name]) for name in shown]
    if rest:
        lines.append((f"the other {len(rest)} features", sum(contributions[name] for name in rest)))
    lines.append(("starting point (bias)", contributions.get(BIAS, 0.0)))
    widest = max(abs(value) for _, value in lines) or 1.0
    bars = "".join(_bar(text, value, widest) for text, value in lines)
    return card(
        "What pushed the answer", f"{_scale()}<ul class='air-pushes'>{bars}</ul>{_sum(contributions, probability)}"
    )


def _bar(text: str, value: float, widest: float) -> str:
    side, words = ("malignant", "pushes toward malignant") if value > 0 else ("benign", "pushes toward benign")
    if value == 0:
        words = "pushes nowhere"
    push = f'<span class="air-push air-{side}" style="width:{abs(value) / widest / 2:.2%}"></span>'
    return (
        f'<li><span class="air-name">{escape(text)}</span><span class="air-lane">{push}</span>'
        f'<span class="air-value">{signed(value)}<span class="air-unseen"> {words}</span></span></li>'
    )


def _scale() -> str:
    return (
        '<p class="air-scale" aria-hidden="true"><span class="air-key air-benign">← pushes toward benign</span>'
        '<span class="air-key air-malignant">pushes toward malignant →</span></p>'
    )


def _sum(contributions: dict[str, float], probability: float) -> str:
    total = sum(contributions.values())
    return (
        f'<p class="air-quiet">All {len(contributions)} numbers add up to {signed(total)}, the logit of the answer: '
        f"a probability of malignant of {percent(probability)}.</p>"
    )


def signed(value: float) -> str:
    """`+1.23` or `−1.23`."""
    return f"{value:+.2f}".replace("-", "−")
