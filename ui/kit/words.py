"""Numbers, nouns, lists and moments in words, for templates and messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime


def percent(share: float) -> str:
    """`0.1234` as `12.3 %`; never rounds an uncertain answer up to certainty."""
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"


def an(noun: str) -> str:
    """`a cat`, `an airplane`."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def listed(words: Sequence[str], most: int = 0) -> str:
    """`a`, `a and b`, `a, b and c`; `a, b and 3 more` where there are more than `most`."""
    shown = [*words[: most - 1], f"{len(words) - most + 1} more"] if 0 < most < len(words) else words
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def amount(size: float) -> str:
    """Memory: `0 MB`, `38 MB`, `1.5 GB`."""
    return f"{size / 1024**3:.1f} GB" if size >= 1024**3 else f"{size / 1024**2:.0f} MB"


def quantity(value: float, unit: str = "") -> str:
    """`12,340 €`, `0.1235`; nothing after the point where there is enough before it."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text} {unit}".strip()


def signed(value: float) -> str:
    """`+1.23` or `−1.23`."""
    return f"{value:+.2f}".replace("-", "−")


def moment(iso: str) -> str:
    """`23 Nov, 10:45 UTC`."""
    when = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{when.day} {when:%b}, {when:%H:%M} UTC"


def utc(iso: str) -> str:
    """A moment for a `<time>` element, which ui/look/times.js writes in the reader's own zone."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def duration(seconds: float) -> str:
    """`45 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def takes(minutes: float | None) -> str:
    """`about 3 minutes`, `about 30 seconds`; nothing where it was not measured."""
    if minutes is None:
        return ""
    if minutes < 1:
        return f"about {60 * minutes:.0f} seconds"
    return f"about {minutes:g} minute{'' if minutes == 1 else 's'}"
