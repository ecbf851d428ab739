"""The chapter's programs that need a package of requirements-extra.txt: their output, or the sentence without it."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from settings import ROOT
from tests.helpers.programs import output_of, run_example

NEEDS = {
    "keras_checkpoint": ("tensorflow", "TensorFlow"),
    "dask_on_ray": ("dask", "Dask"),
    "modin_on_ray": ("modin", "Modin"),
    "spark_on_ray": ("raydp", "RayDP"),
    "rllib_cartpole": ("gymnasium", "RLlib"),
    "mars": ("mars", "MARS"),
}
SAME_MODEL = [
    "Ray Dataset: 569 rows in 2 blocks, 32 columns",
    "AUC by XGBoostTrainer on these rows: 0.9933",
    "AUC by pandas and XGBoost alone: 0.9933",
]
NO_JAVA = "examples.spark_on_ray needs Java: on Debian, apt install openjdk-17-jre-headless.\n"


def lines_of(name: str, folder: Path) -> list[str] | None:
    """What the program prints; None where its package is missing, after a look at what it says then."""
    module, package = NEEDS[name]
    if find_spec(module):
        return output_of(name, folder)
    ended = run_example(name, folder)
    said = f'examples.{name} needs {package}: run "make extras" first.\n'
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", said)
    return None


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("dask_on_ray", "Dask: 2 partitions, mean of worst area / mean area: 1.2990"),
        ("modin_on_ray", "Modin: modin.pandas.dataframe, mean of worst area / mean area: 1.2990"),
    ],
)
def test_data_frames_of_others_train_the_model_that_pandas_trains(name: str, first: str, tmp_path: Path) -> None:
    lines = lines_of(name, tmp_path)
    assert lines in (None, [first, *SAME_MODEL])


def test_spark_data_frame_trains_the_model_that_pandas_trains(tmp_path: Path) -> None:
    if find_spec("raydp") and not shutil.which("java"):
        ended = run_example("spark_on_ray", tmp_path)
        assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", NO_JAVA)
        return
    lines = lines_of("spark_on_ray", tmp_path)
    first = "Spark 3.5.7: 2 partitions, mean of worst area / mean area: 1.2990"
    # Spark's Java processes print lines of their own.
    assert lines is None or [line for line in lines if line in {first, *SAME_MODEL}] == [first, *SAME_MODEL]


def test_loaded_keras_network_gives_the_answers_of_the_trained_one(tmp_path: Path) -> None:
    lines = lines_of("keras_checkpoint", tmp_path)
    if lines is None:
        return
    loss, right, difference = lines
    first, last = map(float, re.fullmatch(r"loss from (\d\.\d\d) to (\d\.\d\d)", loss).groups())
    assert last < 0.1 < 0.3 < first
    share = re.fullmatch(r"model\.keras has (\d+\.\d)% of 171 held-out rows right", right).group(1)
    assert float(share) >= 95
    assert float(difference.removeprefix("largest change of an answer: ")) <= 1e-6
    assert (tmp_path / "runs" / "keras" / "model.keras").is_file()


def test_policy_learns_and_its_actors_have_its_weights(tmp_path: Path) -> None:
    lines = lines_of("rllib_cartpole", tmp_path)
    if lines is None:
        return
    *iterations, weights = lines
    rewards = [int(re.fullmatch(r"iteration \d: mean reward (\d+)", line).group(1)) for line in iterations]
    assert len(rewards) == 5
    assert rewards[0] < 40 < 100 < rewards[-1]
    assert weights == "2 of 2 actors have the learner's weights, which came through the object store"
    assert (tmp_path / "rllib_cartpole.png").read_bytes().startswith(b"\x89PNG")


def test_mars_still_fails_and_the_program_says_what_to_use(tmp_path: Path) -> None:
    """When this fails, MARS or Ray has changed: the program and its docstring say something that is no longer true."""
    lines = lines_of("mars", tmp_path)
    assert lines in (
        None,
        [
            "Ray 2.60.0 has from_mars: True",
            "MARS 0.10.0 fails: AttributeError: `np.unicode_` was removed in the NumPy 2.0 release. "
            "Use `np.str_` instead.",
            "Use Modin for data frames (examples.modin_on_ray) or Dask for lazy ones (examples.dask_on_ray).",
        ],
    )


def test_extras_leave_the_versions_of_the_app_alone() -> None:
    pins = {}
    for name in ("requirements.lock", "requirements.txt", "requirements-extra.txt", "requirements-mars.txt"):
        for package, version in re.findall(
            r"^([\w.-]+)(?:\[\w+(?:,\w+)*\])?==([\w.]+)", (ROOT / name).read_text(), re.M
        ):
            assert pins.setdefault(package.lower().replace("_", "-"), version) == version, f"{name}: {package}"
