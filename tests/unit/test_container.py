"""The Dockerfile: packages by hash, only torch from its index, nothing of the app writable for its user."""

from __future__ import annotations

import re

from settings import ROOT

STEPS = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()


def test_all_but_torch_is_installed_by_hash_and_torchs_index_is_asked_for_nothing_else() -> None:
    [step] = [line for line in STEPS if "pip" in line and line.startswith("RUN")]
    _, locked, torch = step.split("&&")
    assert "--require-hashes -r /tmp/requirements.lock" in locked
    assert "INDEX" not in locked
    assert '--index-url "$TORCH_INDEX"' in torch
    assert "extra-index" not in step


def test_code_and_environment_belong_to_root() -> None:
    assert not any("--chown" in line for line in STEPS)
    home = "/home/air"
    [workdir] = [line.split()[1] for line in STEPS if line.startswith("WORKDIR")]
    assert not workdir.startswith(home)
    [user] = [place for place, line in enumerate(STEPS) if line.startswith("USER")]
    assert STEPS[user] == "USER air"
    assert not any(line.startswith(("COPY", "RUN")) for line in STEPS[user:])
