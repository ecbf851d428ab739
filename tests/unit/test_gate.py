"""The gate before a promotion: the page foretells by the rules that the models have."""

from __future__ import annotations

from models import specs
from ui.compare.figures import GATE


def test_gate_of_the_page_is_the_gate_of_the_models() -> None:
    assert {name: (spec.gate.metric, spec.gate.margin) for name, spec in specs.all_specs().items()} == GATE
