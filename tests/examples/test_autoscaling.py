"""The programs of what grows and shrinks: replicas of a deployment, nodes of a cluster."""

from __future__ import annotations

import re
from pathlib import Path

from tests.helpers.programs import output_of


def test_replicas_come_with_requests_and_go(tmp_path: Path) -> None:
    first, loaded, answered, last = output_of("replica_autoscaling", tmp_path)
    assert (first, loaded, last) == ("replicas: 1", "replicas: 3", "replicas: 1")
    found = re.fullmatch(r"requests answered meanwhile: (\d+)", answered)
    assert found
    assert int(found[1]) >= 16


def test_nodes_come_with_demand_and_go(tmp_path: Path) -> None:
    lines = output_of("node_autoscaling", tmp_path)
    assert (lines[0], lines[-1]) == ("nodes: 1", "nodes: 1")
    assert {"nodes: 3", "three CPUs are there, and given back"} <= set(lines)
