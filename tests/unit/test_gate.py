"""The gate before a promotion: the page's prediction uses the rules of the models."""

from __future__ import annotations

from models.gate import RULES
from ui.compare.figures import GATE


def test_gate_of_the_page_is_the_gate_of_the_models() -> None:
    assert {name: (rule.metric, rule.margin) for name, rule in RULES.items()} == GATE
