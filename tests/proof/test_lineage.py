"""Blocks of a Dataset that are lost with their node are computed again from their lineage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from settings import ROOT


def _can_unshare() -> bool:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-n", "-p", "-f", "--mount-proc", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_unshare(), reason="needs root and unshare: three nodes get in the way of other Rays")
def test_blocks_lost_with_their_node_are_made_again_from_lineage() -> None:
    program = f"ip link set lo up && {sys.executable} -m tests.helpers.training.lost_node; exit $?"
    ended = subprocess.run(
        ["unshare", "-n", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", program],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "AIR_"))},
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    outcome = json.loads(ended.stdout.splitlines()[-1])
    assert (outcome["nodes"], outcome["blocks"]) == (3, 8)
    assert outcome["right"]
    assert 1 <= outcome["lost"] < outcome["blocks"]
    assert outcome["made_again"] == outcome["lost"]
