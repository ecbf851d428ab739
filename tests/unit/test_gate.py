"""The gate before a promotion: the page foretells what the models' gate decides, by the rule that the API gives it."""

from __future__ import annotations

from typing import Any

import pytest

from models import gate, specs
from models.artifact import checkpoint
from tests.helpers.samples.versions import SHIPPED
from ui.compare.figures import gate_text

FIGURE = {"key": "auc", "title": "AUC", "help": "", "form": "number", "better": "high"}


@pytest.mark.parametrize("name", specs.names())
@pytest.mark.parametrize("change", [0.001, -0.004, -0.006, None])
def test_page_foretells_what_the_gate_decides(name: str, change: float | None) -> None:
    champion = checkpoint.read_metadata(SHIPPED / name)
    metric = specs.get(name).gate.metric
    metrics = {} if change is None else {metric: champion.metrics[metric] + change}
    candidate = champion.model_copy(update={"metrics": metrics})
    about = {"gate": specs.get(name).gate.model_dump(), "figures": [FIGURE]}
    text = gate_text(about, _version("1", champion), _version("2", candidate))
    assert ("air-good" in text) == gate.verdict(champion, candidate).passed


def _version(number: str, metadata: checkpoint.Metadata) -> dict[str, Any]:
    return {"version": number, "metrics": metadata.metrics, "source": {"data": metadata.data}}
