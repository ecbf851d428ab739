"""What the README and docs/ tell people to type works, against the running app."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from settings import MODEL_NAMES, ROOT, Settings

DOCUMENTS = ["README.md", "docs/api.md", "docs/models.md", "docs/tuning.md"]
BLOCK = re.compile(r"```(python|bash)\n(.*?)```", re.DOTALL)


def _blocks(language: str) -> list[tuple[str, str]]:
    return [
        (name, code)
        for name in DOCUMENTS
        for kind, code in BLOCK.findall((ROOT / name).read_text())
        if kind == language
    ]


@pytest.mark.parametrize(("name", "code"), _blocks("python"))
def test_python_block_runs(app_url: str, name: str, code: str) -> None:
    code = code.replace("http://localhost:7860", app_url)
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()


def _commands() -> list[str]:
    lines = [line.partition(" #")[0].strip() for _, code in _blocks("bash") for line in code.splitlines()]
    return sorted({line for line in lines if line})


@pytest.mark.parametrize("command", [line for line in _commands() if line.startswith("python -m training.")])
def test_training_command_has_only_options_that_exist(command: str) -> None:
    from training.config import BatchPredictCommand, TrainBreastCancer, TrainCifar10, from_command_line
    from training.tune_config import TuneBreastCancer, TuneCifar10

    _, _, module, *options = shlex.split(command)
    if "STUDY" in options or module == "training.studies":
        return  # a study's id is made when it runs; tests/test_tuning.py goes on with studies and lists them
    schemas = {
        "training.cifar10": TrainCifar10,
        "training.breast_cancer": TrainBreastCancer,
        "training.batch_predict": dict.fromkeys(MODEL_NAMES, BatchPredictCommand),
        "training.tuning": {"breast-cancer": TuneBreastCancer, "cifar10": TuneCifar10},
    }
    schema = schemas[module]
    if isinstance(schema, dict):
        schema = schema[options.pop(0)]
    assert from_command_line(schema, options)


@pytest.mark.parametrize("command", [line for line in _commands() if line.startswith("make ")])
def test_make_target_exists(command: str) -> None:
    target = shlex.split(command)[1]
    assert subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, timeout=30).returncode == 0


def test_registry_command_lists_the_shipped_versions(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "models.registry"],
        cwd=ROOT,
        env={"AIR_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert re.findall(r"^(\S+) +1 +champion", ended.stdout, re.MULTILINE) == ["cifar10", "breast-cancer"]


def test_every_setting_of_the_readme_exists() -> None:
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("## ")[0]
    named = re.findall(r"`([A-Z0-9_]{5,})`", table)
    assert len(named) >= 8
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_every_link_and_file_of_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    files = re.findall(r"`([a-z_]+/[a-z_0-9/]*(?:\.py)?)`", text)
    for name in [*links, *files]:
        path, _, heading = name.partition("#")
        assert (ROOT / path).exists(), name
        assert not heading or heading in _headings(ROOT / path), name


def _headings(file: Path) -> set[str]:
    """The anchors of a Markdown file's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_front_matter_is_a_spaces() -> None:
    front = (ROOT / "README.md").read_text().split("---")[1]
    assert "sdk: docker" in front
    assert "app_port: 7860" in front
