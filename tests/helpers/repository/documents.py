"""The code blocks of README.md and docs/."""

from __future__ import annotations

import re

from settings import ROOT

DOCUMENTS = ["README.md", "docs/api.md", "docs/models.md", "docs/tuning.md"]
BLOCK = re.compile(r"```(python|bash)\n(.*?)```", re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    """Every code block of a language, with its document."""
    return [
        (name, code)
        for name in DOCUMENTS
        for kind, code in BLOCK.findall((ROOT / name).read_text())
        if kind == language
    ]


def commands(begin: str) -> list[str]:
    """Every command with this beginning, without its comment."""
    lines = (line.partition(" #")[0].strip() for _, code in blocks("bash") for line in code.splitlines())
    return sorted({line for line in lines if line.startswith(begin)})
