"""May a version replace the champion? Not when it is worse on the validation set by more than a margin.

The test set decides nothing. Who insists promotes with ``force``.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from models import specs
from models.artifact.checkpoint import Metadata


class Verdict(BaseModel):
    """Whether the gate lets a version pass, and why, in a sentence."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    sentence: str


def verdict(champion: Metadata, candidate: Metadata) -> Verdict:
    """Compare two versions of one model by their own figures on the fixed validation set. Raises UnknownModel."""
    rule = specs.get(candidate.model).gate
    if champion.data.get("fingerprint") != candidate.data.get("fingerprint"):
        return Verdict(passed=False, sentence="It was measured on other data than the champion; they do not compare.")
    if rule.metric not in candidate.metrics or rule.metric not in champion.metrics:
        return Verdict(passed=False, sentence=f"Its {rule.words} or the champion's was not measured.")
    new, old = candidate.metrics[rule.metric], champion.metrics[rule.metric]
    passed = new >= old - rule.margin
    comparison = f"Its {rule.words} is {new:.4f}, the champion's {old:.4f}"
    if passed:
        return Verdict(passed=True, sentence=f"{comparison}: not worse by more than {rule.margin:g}.")
    return Verdict(passed=False, sentence=f"{comparison}: worse by more than the allowed {rule.margin:g}.")
