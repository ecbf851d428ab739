"""Everything that README and docs/ name exists: commands with their options, make targets, settings, links, files."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from models import specs
from settings import ROOT, Settings
from tests.helpers.repository.documents import commands
from training.runs.config import (
    BatchPredictCommand,
    TrainImages,
    TrainTable,
    from_command_line,
)
from training.tuning import studies
from training.tuning import study as tuning

# The options of a program and its model; a program without a model takes its name.
PROGRAMS = {
    "training.cifar10": (TrainImages, "cifar10"),
    "training.breast_cancer": (TrainTable, "breast-cancer"),
    "training.batch_predict": (BatchPredictCommand, None),
}


def test_every_program_that_is_named_is_looked_at_below() -> None:
    named = {shlex.split(command)[2] for command in commands("python -m ")}
    assert named == {*PROGRAMS, "training.tuning", "training.tuning.studies", "training.add", "models.registry"}
    assert commands("make ")


@pytest.mark.parametrize("command", [line for module in PROGRAMS for line in commands(f"python -m {module} ")])
def test_training_command_has_only_options_that_exist(command: str) -> None:
    _, _, module, *options = shlex.split(command)
    schema, model = PROGRAMS[module]
    assert from_command_line(schema, specs.get(model or options.pop(0)), options)


@pytest.fixture
def study(set_environment: Callable[..., None], tmp_path: Path) -> str:
    """The id of a study of this AIR_HOME."""
    shipped = next(studies.SHIPPED.iterdir())
    shutil.copytree(shipped, tmp_path / "studies" / shipped.name)
    set_environment(AIR_HOME=str(tmp_path))
    return shipped.name


@pytest.mark.parametrize("command", commands("python -m training.tuning "))
def test_tuning_command_has_only_options_that_exist(study: str, command: str) -> None:
    options = shlex.split(command.replace("STUDY", study))[3:]
    task, resumed = tuning._from_command_line(options)
    assert task.spec.name in specs.names()
    assert resumed == (study if "--resume" in options else None)


@pytest.mark.parametrize("command", commands("python -m training.tuning.studies "))
def test_studies_command_tells_of_a_study(study: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert studies.main(shlex.split(command.replace("STUDY", study))[3:]) == 0
    assert study in capsys.readouterr().out


@pytest.mark.parametrize("command", commands("make "))
def test_make_target_exists(command: str) -> None:
    target = shlex.split(command)[1]
    assert subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, timeout=30).returncode == 0


@pytest.mark.parametrize("command", commands("python -m models.registry"))
def test_registry_command_lists_the_shipped_versions(
    command: str,
    new_home: Callable[[str], Path],
    set_environment: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_environment(AIR_HOME=str(new_home("home")))
    [module] = shlex.split(command)[2:]
    runpy.run_path(str(ROOT / f"{module.replace('.', '/')}.py"), run_name="__main__")
    listed = re.findall(r"^(\S+) +1 +champion", capsys.readouterr().out, re.MULTILINE)
    assert listed == ["cifar10", "breast-cancer"]


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
