"""Studies for real: both models, cut off and gone on with, trials that fail, spaces that make no sense."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import torch
import xgboost as xgb

from models.networks import build
from models.registry import Registry
from settings import ROOT, Settings
from training import breast_cancer, jobs, studies, trials, tuning
from training.config import TrainBreastCancer, TrainCifar10, from_command_line
from training.datasets import breast_cancer as dataset
from training.errors import ConfigError, TrainingError
from training.progress import Listener
from training.tune_config import TUNE_SCHEMAS, TuneBreastCancer, TuneCifar10

SMALL_SPACE = {
    "max_depth": {"type": "int", "low": 1, "high": 6},
    "learning_rate": {"type": "log", "low": 0.05, "high": 0.5},
    "num_boost_round": {"type": "int", "low": 20, "high": 120},
    "subsample": {"type": "float", "low": 0.5, "high": 1.0},
}
SMALL = {"num_samples": 6, "space": SMALL_SPACE}
# XGBoost's numbers end before the second value.
BREAKING_SPACE = {"scale_pos_weight": {"type": "choice", "values": [1.0, 1e39]}}
REFUSED = "XGBoost refuses the parameters: Out of range value for scale_pos_weight"
WAIT_S = 120


class Heard(Listener):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.epochs: list[dict[str, float]] = []

    def step(self, done: int, total: int, note: dict[str, str]) -> None:
        self.steps.append((done, total))

    def epoch(self, number: int, figures: dict[str, float]) -> None:
        self.epochs.append(figures)


@pytest.fixture(scope="module")
def store(training_settings: Settings) -> studies.Store:
    return studies.Store(training_settings)


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def table_outcome(training_settings: Settings, heard: Heard) -> dict[str, Any]:
    """What a small default study of the table model gave."""
    return tuning.tune(TuneBreastCancer(**SMALL), training_settings, listener=heard)


@pytest.fixture(scope="module")
def table_study(store: studies.Store, table_outcome: dict[str, Any]) -> studies.Study:
    return store.read(table_outcome["study"])


def test_study_finds_the_best_of_its_trials(table_study: studies.Study, table_outcome: dict[str, Any]) -> None:
    assert table_study.state == "succeeded"
    assert len(table_study.trials) == table_outcome["trials"] == 6
    finished = [trial for trial in table_study.trials if trial.state == "finished"]
    best = min(finished, key=lambda trial: trial.value("validation_logloss"))
    assert table_outcome["best"] == {
        "trial": best.trial,
        "value": best.value("validation_logloss"),
        "params": best.params,
    }
    for trial in table_study.trials:
        assert 1 <= trial.params["max_depth"] <= 6
        assert 0.05 <= trial.params["learning_rate"] <= 0.5
        assert trial.duration_s is not None
        assert trial.stopped_because
    steps = [figures["step"] for figures in best.metrics]
    assert steps == sorted(steps)
    assert steps[-1] == best.params["num_boost_round"]


def test_best_is_a_training_configuration_that_gives_the_same(
    table_outcome: dict[str, Any], training_settings: Settings
) -> None:
    config = TrainBreastCancer.model_validate(table_outcome["config"])
    assert config.max_depth == table_outcome["best"]["params"]["max_depth"]
    assert config.params == {"subsample": table_outcome["best"]["params"]["subsample"]}
    metrics = breast_cancer.train(config, training_settings)[2]
    assert metrics["validation_logloss"] == pytest.approx(table_outcome["best"]["value"], abs=1e-5)
    words = tuning.train_command("breast-cancer", table_outcome["config"]).split()
    assert words[:3] == ["python", "-m", "training.breast_cancer"]
    parsed = from_command_line(TrainBreastCancer, words[3:])
    numbers = {name: float(value) for name, value in parsed.params.items()}
    assert parsed.model_copy(update={"params": numbers}) == config


def test_default_is_tried_so_tuning_never_finds_worse(table_study: studies.Study) -> None:
    usual = TrainBreastCancer()
    tried = [(trial.params["max_depth"], trial.params["learning_rate"]) for trial in table_study.trials[:2]]
    assert (usual.max_depth, usual.learning_rate) in tried


def test_listener_hears_of_every_trial(table_study: studies.Study, heard: Heard) -> None:
    assert heard.steps[0] == (0, 6)
    assert heard.steps[-1] == (6, 6)
    assert len(heard.epochs) == 6
    assert heard.epochs[-1]["best"] == table_study.best.value


def test_every_trial_is_a_child_run_and_the_best_keeps_its_model(
    table_study: studies.Study, training_settings: Settings, tmp_path: Path
) -> None:
    client = Registry(training_settings).client
    parent = client.get_run(table_study.run_id)
    assert parent.info.status == "FINISHED"
    assert json.loads(parent.data.tags["best.config"]) == table_study.best.config
    query = f"tags.`mlflow.parentRunId` = '{table_study.run_id}'"
    children = {run.data.tags["trial"]: run for run in client.search_runs([parent.info.experiment_id], query)}
    assert set(children) == {trial.trial for trial in table_study.trials}
    for trial in table_study.trials:
        run = children[trial.trial]
        assert run.info.status == "FINISHED"
        assert run.data.params == {name: str(value) for name, value in trial.params.items()}
        history = client.get_metric_history(run.info.run_id, "validation_logloss")
        assert [metric.step for metric in history] == [figures["step"] for figures in trial.metrics]
    best = children[table_study.best.trial]
    folder = client.download_artifacts(best.info.run_id, "checkpoint", str(tmp_path))
    booster = xgb.Booster(model_file=str(Path(folder) / trials.BOOSTER))
    assert booster.num_boosted_rounds() == table_study.best.params["num_boost_round"]


def test_chapter_searches_depth_as_the_chapter_did(training_settings: Settings, store: studies.Store) -> None:
    outcome = tuning.tune(TuneBreastCancer(preset="chapter"), training_settings)
    study = store.read(outcome["study"])
    assert (study.metric, study.mode, len(study.trials)) == ("train-logloss", "min", 2)
    assert study.config["space"] == {"max_depth": {"type": "int", "low": 1, "high": 8}}
    for trial in study.trials:
        assert set(trial.params) == {"max_depth"}
        assert 1 <= trial.params["max_depth"] <= 8
        assert trial.state == "finished"
    assert study.best.value == min(trial.value("train-logloss") for trial in study.trials)


def test_image_study_stops_bad_trials_early(training_settings: Settings, store: studies.Store) -> None:
    config = TuneCifar10(
        num_samples=4,
        epochs=2,
        max_images=120,
        max_concurrent=1,
        space={
            "learning_rate": {"type": "choice", "values": [1.0, 0.0001]},
            "batch_size": {"type": "int", "low": 10, "high": 30},
        },
    )
    outcome = tuning.tune(config, training_settings)
    study = store.read(outcome["study"])
    assert [trial.trial for trial in study.trials] == ["001", "002", "003", "004"]
    assert study.best.value == max(t.value("validation_accuracy") for t in study.trials if t.state == "finished")
    for trial in study.trials:
        assert trial.state in ("finished", "stopped"), trial.stopped_because
        assert len(trial.metrics) == (2 if trial.state == "finished" else 1)
    assert TrainCifar10.model_validate(outcome["config"]).batch_size == outcome["best"]["params"]["batch_size"]
    weights = torch.load(store.folder(study.study) / f"checkpoint-{study.best.trial}" / trials.NETWORK)
    build({"net": "airnet", "num_classes": 10, "widths": [32, 64, 128]}).load_state_dict(weights)


def test_one_seed_draws_the_same_trials(training_settings: Settings, store: studies.Store) -> None:
    drawn = []
    for seed in (1, 1, 2):
        config = TuneBreastCancer(num_samples=5, max_concurrent=1, seed=seed, space=SMALL_SPACE)
        study = store.read(tuning.tune(config, training_settings)["study"])
        drawn.append([(trial.params, trial.metrics) for trial in study.trials])
    assert drawn[0] == drawn[1]
    assert [params for params, _ in drawn[2]] != [params for params, _ in drawn[0]]


def test_failed_trial_says_why_and_the_study_goes_on(training_settings: Settings, store: studies.Store) -> None:
    config = TuneBreastCancer(preset="chapter", num_samples=6, seed=1, space=BREAKING_SPACE)
    study = store.read(tuning.tune(config, training_settings)["study"])
    assert study.state == "succeeded"
    assert len(study.trials) == 6
    failed = [trial for trial in study.trials if trial.state == "failed"]
    assert failed
    for trial in study.trials:
        assert (trial.state == "failed") == (trial.params["scale_pos_weight"] > 1)
    assert failed[0].stopped_because.startswith(REFUSED)
    assert study.best.params == {"scale_pos_weight": 1.0}


def test_study_without_any_result_fails_with_the_reason(training_settings: Settings, store: studies.Store) -> None:
    space = {"scale_pos_weight": {"type": "choice", "values": [1e39]}}
    with pytest.raises(TrainingError, match=f"No trial came to its end; the first that failed: {REFUSED}"):
        tuning.tune(TuneBreastCancer(num_samples=2, space=space), training_settings, run_name="all-fail")
    study = store.read("all-fail")
    assert study.state == "failed"
    assert REFUSED in study.error


def test_time_budget_ends_the_study_and_keeps_what_is_done(training_settings: Settings, store: studies.Store) -> None:
    config = TuneBreastCancer(num_samples=1000, time_budget_s=20, space=SMALL_SPACE)
    study = store.read(tuning.tune(config, training_settings)["study"])
    assert study.state == "succeeded"
    assert 1 <= len(study.trials) < 1000
    cut = [trial for trial in study.trials if trial.state == "interrupted"]
    assert all("time budget of 20 s" in trial.stopped_because for trial in cut)


CHILD = """
import signal, sys
from settings import get_settings
from training import ray_session, tuning
from training.tune_config import TuneBreastCancer
ray_session.connect(get_settings(), runtime_env=None)
signal.signal(signal.SIGTERM, signal.default_int_handler)
tuning.tune(TuneBreastCancer.model_validate_json(sys.argv[1]), get_settings(), run_name=sys.argv[2])
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
    config = TuneBreastCancer(num_samples=12, max_concurrent=2, space=SMALL_SPACE | rounds)
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
        tuning.tune(config, training_settings, run_name=name)
    child.send_signal(sent)
    child.wait(timeout=30)

    cut = store.read(name)
    assert cut.state == state
    ended = {trial.trial: trial for trial in cut.trials if trial.state in studies.ENDED}
    assert len(ended) >= 3
    others = [trial for trial in cut.trials if trial.trial not in ended]
    assert all((trial.state, trial.stopped_because) == ("interrupted", because) for trial in others)
    tuning.tune(config, training_settings, run_name=name)

    study = store.read(name)
    assert study.state == "succeeded"
    assert len(study.trials) == 12
    assert all(trial.state in studies.ENDED for trial in study.trials)
    again = {trial.trial: trial for trial in study.trials}
    assert {trial: again[trial] for trial in ended} == ended
    for trial in others:
        assert again[trial.trial].params == trial.params
    drawn = [json.dumps(trial.params, sort_keys=True) for trial in study.trials]
    assert len(set(drawn)) == 12, "a sampler that began anew drew the same again"
    client = Registry(training_settings).client
    parent = client.get_run(study.run_id)
    assert parent.info.status == "FINISHED"
    children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{study.run_id}'")
    assert sorted(run.data.tags["trial"] for run in children) == sorted(again)


def _trials(store: studies.Store, study: str) -> list[studies.Trial]:
    try:
        return store.read(study).trials
    except studies.UnknownStudy:
        return []


def test_ended_study_is_not_run_again(
    training_settings: Settings, table_outcome: dict[str, Any], store: studies.Store
) -> None:
    before = store.read(table_outcome["study"])
    again = tuning.tune(TuneBreastCancer(**SMALL), training_settings, run_name=table_outcome["study"])
    assert again == table_outcome
    assert store.read(table_outcome["study"]) == before


def test_study_is_not_gone_on_with_by_other_options(
    training_settings: Settings, table_outcome: dict[str, Any], store: studies.Store
) -> None:
    with pytest.raises(ConfigError, match="begun with other options"):
        tuning.tune(TuneBreastCancer(**SMALL, seed=5), training_settings, run_name=table_outcome["study"])
    assert store.read(table_outcome["study"]).state == "succeeded"


def test_half_a_line_of_a_killed_process_is_no_harm(table_study: studies.Study, store: studies.Store) -> None:
    file = store.folder(table_study.study) / studies.TRIALS
    with file.open("a") as half:
        half.write('{"event": "figures", "trial": "00')
    assert store.read(table_study.study).trials == table_study.trials


def test_terminal_lists_and_shows_studies(training_settings: Settings, table_study: studies.Study) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "training.studies", *words],
            cwd=ROOT,
            env={**os.environ, "AIR_HOME": str(training_settings.air_home)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    line = next(line for line in command("list").stdout.splitlines() if line.startswith(table_study.study))
    assert "breast-cancer  succeeded       6 trials  validation_logloss" in line
    assert studies.Study.model_validate_json(command("show", table_study.study).stdout) == table_study
    unknown = command("show", "nothing")
    assert (unknown.returncode, unknown.stderr) == (2, "error: There is no study 'nothing'.\n")


def test_shipped_studies_can_be_looked_at_and_not_gone_on_with(tmp_path: Path) -> None:
    store = studies.Store(Settings(air_home=tmp_path))
    assert store.summaries()
    for summary in store.summaries():
        study = store.read(summary.study)
        assert (study.state, len(study.trials)) == ("succeeded", summary.trials)
        assert study.best_trial().trial == study.best.trial
        schema = TUNE_SCHEMAS[study.model]
        found = schema.TUNABLE.training_config(schema.model_validate(study.config).base, study.best.params)
        recorded = type(found).model_validate(study.best.config)
        # How many workers is a matter of the machine; the rest is what the search found.
        assert recorded == found.model_copy(update={"num_workers": recorded.num_workers})
        with pytest.raises(ConfigError, match="not gone on with"):
            store.own_folder(study.study)


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({}, "space: it is empty; name at least one of max_depth"),
        ({"depth": {"type": "int", "low": 1, "high": 2}}, "space: there is no parameter 'depth' to tune; there are"),
        ({"max_depth": {"type": "int", "low": 8, "high": 3}}, "space: max_depth: low is 8 and high is 3"),
        ({"max_depth": {"type": "int", "low": 1, "high": 99}}, "space: max_depth: 99 is out of range"),
        ({"max_depth": {"type": "float", "low": 1, "high": 3}}, "space: max_depth: it takes whole numbers"),
        ({"max_depth": {"type": "int", "low": 1.5, "high": 3}}, "space: max_depth.low: input should be a valid int"),
        ({"max_depth": {"type": "int", "low": True, "high": 3}}, "space: max_depth.low: input should be a valid int"),
        ({"max_depth": {"type": "int", "low": 1}}, "space: max_depth.high: field required"),
        ({"max_depth": {"type": "int", "low": 1, "high": 3, "by": 1}}, "space: max_depth.by: extra inputs"),
        ({"max_depth": {"low": 1, "high": 3}}, "space: max_depth: it has no type; the types are float, log, int"),
        ({"max_depth": {"type": "normal"}}, "space: max_depth: 'normal' is no type"),
        ({"max_depth": {"type": "choice", "values": []}}, "space: max_depth.values: list should have at least 1"),
        ({"max_depth": {"type": "choice", "values": [2, "deep"]}}, "space: max_depth.values.1: input should be"),
        ({"max_depth": {"type": "choice", "values": [2, 2]}}, "space: max_depth: values names one of them twice"),
        ({"max_depth": {"type": "choice", "values": [2, 2.5]}}, "space: max_depth: 2.5 is out of range"),
        ({"max_depth": 3}, "space: max_depth: it is no object such as"),
        ([1], "space: it is no object with a parameter's name for each key"),
        ({"learning_rate": {"type": "log", "low": 0, "high": 1}}, "space: learning_rate: low is 0; a log range"),
        ({"subsample": {"type": "float", "low": 0.5, "high": 1.5}}, "space: subsample: 1.5 is out of range"),
        ({"gamma": {"type": "float", "low": 0, "high": float("inf")}}, "space: gamma.high: input should be a finite"),
    ],
)
def test_space_that_makes_no_sense_is_refused_by_name(space: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        jobs.validated("tune", "breast-cancer", {"space": space})
    assert str(caught.value).startswith(f"config.{sentence}")
    assert "\n" not in str(caught.value)


def test_epochs_are_no_parameter_of_an_image_study() -> None:
    with pytest.raises(ValueError, match="there are learning_rate, batch_size"):
        TuneCifar10(space={"epochs": {"type": "int", "low": 1, "high": 9}})


def test_batch_size_of_an_image_study_is_a_whole_number() -> None:
    assert TuneCifar10.TUNABLE.widest()["batch_size"] == {"type": "int", "low": 10, "high": 5000}
    assert TuneCifar10.TUNABLE.defaults(TuneCifar10().base) == {"learning_rate": 1.0, "batch_size": 250}
    with pytest.raises(ValueError, match="batch_size: it takes whole numbers"):
        TuneCifar10(space={"batch_size": {"type": "log", "low": 10, "high": 100}})


def test_configuration_survives_being_written_down() -> None:
    config = TuneBreastCancer(**SMALL)
    assert TuneBreastCancer.model_validate(json.loads(json.dumps(config.model_dump()))) == config


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "Name a model, cifar10 or breast-cancer, or a study"),
        (["mnist"], "Name a model, cifar10 or breast-cancer, or a study"),
        (["breast-cancer", "--num-samples", "0"], "num_samples"),
        (["breast-cancer", "--space", "{}"], "space: it is empty"),
        (["cifar10", "--preset", "chapter"], "preset"),
        (["--resume", "nothing"], "There is no study 'nothing'"),
    ],
)
def test_bad_option_is_named_on_the_command_line(options: list[str], sentence: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training.tuning", *options]
    environment = {**os.environ, "AIR_HOME": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_trials_scale_rows_as_training_does(training_settings: Settings, table_study: studies.Study) -> None:
    """The model that a study keeps answers as the figures in its record say."""
    table = dataset.read_shipped()
    matrix, malignant = table.part("validation")
    preprocessor = breast_cancer.fit_preprocessor(
        table, breast_cancer.scaled_columns(TrainBreastCancer(), table.features)
    )
    folder = studies.Store(training_settings).folder(table_study.study) / f"checkpoint-{table_study.best.trial}"
    booster = xgb.Booster(model_file=str(folder / trials.BOOSTER))
    p = booster.inplace_predict(breast_cancer.scale(matrix, table.features, preprocessor))
    logloss = -np.where(malignant, np.log(p), np.log(1 - p)).mean()
    assert logloss == pytest.approx(table_study.best.value, abs=1e-5)
