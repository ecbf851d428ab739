"""A study whose process was killed or stopped resumes where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import ray

from settings import ROOT, Settings
from tests.helpers.models import ROWS
from tests.helpers.training.own_ray import own_ray
from tests.helpers.training.resumed_studies import assert_resumed
from training.runs.errors import ConfigError
from training.tuning import studies
from training.tuning import study as tuning
from training.tuning.config import TuneTable

SMALL_SPACE = {
    "max_depth": {"type": "int", "low": 1, "high": 6},
    "learning_rate": {"type": "log", "low": 0.05, "high": 0.5},
    "num_boost_round": {"type": "int", "low": 20, "high": 120},
    "subsample": {"type": "float", "low": 0.5, "high": 1.0},
}
WAIT_S = 120


@pytest.fixture(scope="module")
def training_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A separate Ray and AIR_HOME."""
    with own_ray(Settings(air_home=tmp_path_factory.mktemp("home"))) as settings:
        yield settings


@pytest.fixture(scope="module")
def store(training_settings: Settings) -> studies.Store:
    return studies.Store(training_settings)


CHILD = """
import signal, sys
from settings import get_settings
from models import specs
from training.runs import ray_session
from training.tuning import study as tuning
from training.tuning.config import TuneTable
ray_session.connect(get_settings(), runtime_env=None)
signal.signal(signal.SIGTERM, signal.default_int_handler)
config = TuneTable.model_validate_json(sys.argv[1])
tuning.tune(specs.get("breast-cancer"), config, get_settings(), run_name=sys.argv[2])
"""


@pytest.mark.parametrize(
    ("sent", "state", "because"),
    [(signal.SIGKILL, "interrupted", studies.CUT_OFF), (signal.SIGTERM, "stopped", "the study was stopped")],
    ids=["killed", "cancelled"],
)
def test_cut_off_study_goes_on_without_running_finished_trials_again(
    training_settings: Settings, store: studies.Store, sent: int, state: str, because: str
) -> None:
    rounds = {"num_boost_round": {"type": "int", "low": 400, "high": 2000}}
    config = TuneTable(num_samples=12, max_concurrent=2, space=SMALL_SPACE | rounds)
    name = f"cut-off-{state}"
    environment = {
        **os.environ,
        "AIR_HOME": str(training_settings.air_home),
        "RAY_ADDRESS": ray.get_runtime_context().gcs_address,
        "RAY_AUTH_MODE": "token",
    }
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, config.model_dump_json(), name],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + WAIT_S
    while sum(trial.state in studies.ENDED for trial in _trials(store, name)) < 3:
        assert child.poll() is None, child.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert store.read(name).state == "running"
    with pytest.raises(ConfigError, match="is running already"):
        tuning.tune(ROWS, config, training_settings, run_name=name)
    child.send_signal(sent)
    child.wait(timeout=30)

    cut = store.read(name)
    assert cut.state == state
    ended = {trial.trial: trial for trial in cut.trials if trial.state in studies.ENDED}
    assert len(ended) >= 3
    others = [trial for trial in cut.trials if trial.trial not in ended]
    assert all((trial.state, trial.stopped_because) == ("interrupted", because) for trial in others)
    tuning.tune(ROWS, config, training_settings, run_name=name)

    assert_resumed(store.read(name), 12, ended, others, training_settings)


def _trials(store: studies.Store, study: str) -> list[studies.Trial]:
    try:
        return store.read(study).trials
    except studies.UnknownStudy:
        return []
