"""The one-line errors of commands about invalid options and settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from settings import ROOT
from training.batch_predict import run as batch_predict
from training.runs import command
from training.tuning import study as tuning


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--max-depth", "0"], "max_depth: must be at least 1, got '0'."),
        (["--num-boost-round", "many"], "num_boost_round: must be a whole number, got 'many'."),
        (["--trees", "5"], "--trees"),
        (["--params", "objective=reg:squarederror"], "objective is set by the program"),
    ],
)
def test_bad_option_of_a_training_is_named(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run("breast-cancer", options) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "Name a model, cifar10 or breast-cancer, or a study"),
        (["mnist"], "Name a model, cifar10 or breast-cancer, or a study"),
        (["breast-cancer", "--num-samples", "0"], "num_samples: must be at least 1, got '0'."),
        (["breast-cancer", "--space", "{}"], "space: it is empty"),
        (["cifar10", "--preset", "chapter"], "preset: must be 'default', got 'chapter'."),
        (["--resume", "nothing"], "There is no study 'nothing'"),
    ],
)
def test_bad_option_of_a_study_is_named(
    options: list[str],
    sentence: str,
    tmp_path: Path,
    set_environment: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_environment(AIR_HOME=str(tmp_path))
    assert tuning.main(options) == 2
    assert sentence in capsys.readouterr().err


def test_unknown_model_of_a_batch_prediction_is_answered_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert batch_predict.main(["mnist"]) == 2
    assert "cifar10|breast-cancer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "option", "sentence"),
    [
        ("training.tuning", "mnist", "Name a model"),
        ("training.batch_predict", "mnist", "usage: "),
    ],
)
def test_bad_option_ends_a_command_without_a_traceback(module: str, option: str, sentence: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module, option], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(("error: ", "usage: "))
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command", ["training.breast_cancer", "training.tuning.studies list", "training.jobs list", "models.registry"]
)
def test_bad_setting_is_named_on_the_command_line(command: str) -> None:
    environment = {**os.environ, "AIR_OBJECT_STORE_MB": "few"}
    ended = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode in (1, 2)
    assert ended.stderr.startswith("error: AIR_OBJECT_STORE_MB: ")
    assert len(ended.stderr.splitlines()) == 1


def test_training_does_not_ask_to_be_less_nice_than_it_was_started() -> None:
    """A user may not do this, and would see a traceback."""
    program = "import os; from training.runs.ray_session import give_way; give_way(); print(os.nice(0))"
    for started, after in ((0, "10"), (15, "15")):
        command = ["nice", "-n", str(started), sys.executable, "-c", program]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        assert ended.stdout.strip() == after
