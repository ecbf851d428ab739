"""True and false as people write them."""

from __future__ import annotations

import numpy as np

# Each pair: false, true.
PAIRS = (
    ("false", "true"),
    ("no", "yes"),
    ("n", "y"),
    ("f", "t"),
    ("0", "1"),
    ("off", "on"),
    ("nein", "ja"),
    ("falsch", "wahr"),
    ("non", "oui"),
)
FALSE, TRUE = (frozenset(pair[i] for pair in PAIRS) | {f"{i}.0"} for i in (0, 1))
HOW = "write true or false"


def flags(texts: list[str]) -> np.ndarray:
    """float64 (n,): 1 for true, 0 for false, NaN for what is neither."""
    lower = [text.lower() for text in texts]
    return np.fromiter((1.0 if text in TRUE else 0.0 if text in FALSE else np.nan for text in lower), float, len(lower))


def is_pair(texts: list[str]) -> bool:
    """Whether these distinct texts are one pair of true and false in words, both of them."""
    return {text.lower() for text in texts} in [set(pair) for pair in PAIRS if pair != ("0", "1")]
