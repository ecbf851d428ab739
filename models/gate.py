"""The gate of promotion: a version must not be worse on the validation set than the champion by more than a margin.

The gate does not use the test set. ``force`` overrides it.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from models import specs
from models.artifact.checkpoint import Metadata


class Verdict(BaseModel):
    """The decision of the gate, and the reason in a sentence."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    sentence: str


def verdict(champion: Metadata, candidate: Metadata) -> Verdict:
    """Compare two versions of one model by their own figures on the fixed validation set. Raises UnknownModel."""
    rule = specs.get(candidate.model).gate
    if champion.data.get("fingerprint") != candidate.data.get("fingerprint"):
        return Verdict(
            passed=False, sentence="It was measured on other data than the champion, so they cannot be compared."
        )
    if rule.metric not in candidate.metrics or rule.metric not in champion.metrics:
        return Verdict(passed=False, sentence=f"Its {rule.words} or the champion's was not measured.")
    new, old = candidate.metrics[rule.metric], champion.metrics[rule.metric]
    passed = new >= old - rule.margin
    comparison = f"Its {rule.words} is {new:.4f}, the champion's {old:.4f}"
    if passed:
        return Verdict(passed=True, sentence=f"{comparison}: not worse by more than {rule.margin:g}.")
    return Verdict(passed=False, sentence=f"{comparison}: worse by more than the allowed {rule.margin:g}.")
