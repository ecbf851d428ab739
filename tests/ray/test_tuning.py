"""Real studies: both models, interrupted and resumed, failing trials, a time budget that ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xgboost as xgb

from models.image.networks import build
from models.registry import Registry
from models.table.learners.trees import WEIGHTS
from models.table.preprocessing import Preprocessor
from settings import Settings
from tests.helpers.models import IMAGES, ROWS
from tests.helpers.training.resumed_studies import assert_resumed
from training.datasets import tables as dataset
from training.image import trials as image_trials
from training.runs.config import TrainImages, TrainTable, from_command_line
from training.runs.errors import ConfigError, TrainingError
from training.runs.progress import Listener
from training.table import train as breast_cancer
from training.tuning import search as searching
from training.tuning import studies
from training.tuning import study as tuning
from training.tuning.config import TuneImages, TuneTable
from training.tuning.recorder import Recorder

SMALL_SPACE = {
    "max_depth": {"type": "int", "low": 1, "high": 6},
    "learning_rate": {"type": "log", "low": 0.05, "high": 0.5},
    "num_boost_round": {"type": "int", "low": 20, "high": 120},
    "subsample": {"type": "float", "low": 0.5, "high": 1.0},
}
SMALL = {"num_samples": 6, "space": SMALL_SPACE}
# XGBoost's numbers end before the second value.
BREAKING_SPACE = {
    "max_depth": {"type": "int", "low": 1, "high": 8},
    "scale_pos_weight": {"type": "choice", "values": [1.0, 1e39]},
}
REFUSED = "XGBoost refuses the parameters: Out of range value for scale_pos_weight"


class Heard(Listener):
    """Records the reported progress."""

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
    return tuning.tune(ROWS, TuneTable(**SMALL), training_settings, listener=heard)


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
    config = TrainTable.model_validate(table_outcome["config"])
    assert config.max_depth == table_outcome["best"]["params"]["max_depth"]
    assert config.params == {"subsample": table_outcome["best"]["params"]["subsample"]}
    metrics = breast_cancer.train(ROWS, config, training_settings)[2]
    assert metrics["validation_logloss"] == pytest.approx(table_outcome["best"]["value"], abs=1e-5)
    words = tuning.train_command(ROWS, table_outcome["config"]).split()
    assert words[:3] == ["python", "-m", "training.breast_cancer"]
    parsed = from_command_line(TrainTable, ROWS, words[3:])
    numbers = {name: float(value) for name, value in parsed.params.items()}
    assert parsed.model_copy(update={"params": numbers}) == config


def test_default_is_tried_so_tuning_never_finds_worse(table_study: studies.Study) -> None:
    usual = TrainTable()
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
    booster = xgb.Booster(model_file=str(Path(folder) / WEIGHTS))
    assert booster.num_boosted_rounds() == table_study.best.params["num_boost_round"]


def test_image_study_stops_bad_trials_early(training_settings: Settings, store: studies.Store) -> None:
    config = TuneImages(
        num_samples=4,
        epochs=2,
        max_images=60,
        max_concurrent=1,
        space={
            "learning_rate": {"type": "choice", "values": [1.0, 0.0001]},
            "batch_size": {"type": "int", "low": 10, "high": 30},
        },
    )
    outcome = tuning.tune(IMAGES, config, training_settings)
    study = store.read(outcome["study"])
    assert [trial.trial for trial in study.trials] == ["001", "002", "003", "004"]
    assert study.best.value == max(t.value("validation_accuracy") for t in study.trials if t.state == "finished")
    for trial in study.trials:
        assert trial.state in ("finished", "stopped"), trial.stopped_because
        assert len(trial.metrics) == (2 if trial.state == "finished" else 1)
    assert TrainImages.model_validate(outcome["config"]).batch_size == outcome["best"]["params"]["batch_size"]
    weights = torch.load(store.folder(study.study) / f"checkpoint-{study.best.trial}" / image_trials.MODEL_FILE)
    build({"net": "airnet", "num_classes": 10, "widths": [32, 64, 128]}).load_state_dict(weights)


def test_failed_trial_says_why_and_the_chapters_search_goes_on(
    training_settings: Settings, store: studies.Store
) -> None:
    """Of what this seed draws, the first cannot be."""
    config = TuneTable(preset="chapter", num_samples=3, seed=2, space=BREAKING_SPACE)
    study = store.read(tuning.tune(ROWS, config, training_settings)["study"])
    assert (study.state, study.metric, study.mode) == ("succeeded", "train-logloss", "min")
    assert [trial.state for trial in study.trials] == ["failed", "finished", "finished"]
    for trial in study.trials:
        assert set(trial.params) == {"max_depth", "scale_pos_weight"}
        assert 1 <= trial.params["max_depth"] <= 8
        assert (trial.state == "failed") == (trial.params["scale_pos_weight"] > 1)
    assert study.trials[0].stopped_because.startswith(f"params: {REFUSED}")
    assert study.best.params["scale_pos_weight"] == 1.0
    assert study.best.value == min(trial.value("train-logloss") for trial in study.trials[1:])


def test_study_without_any_result_fails_with_the_reason(
    training_settings: Settings, store: studies.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(
        plan: searching.Plan, recorder: Recorder, observer: searching.Observer, run_storage: dict[str, Any]
    ) -> bool:
        recorder.started("001", {"max_depth": 3})
        observer.ended(recorder.ended("001", "failed", f"{REFUSED}."), None)
        return True

    monkeypatch.setattr(searching, "search", search)
    with pytest.raises(TrainingError, match=f"No trial finished; the first failure: {REFUSED}"):
        tuning.tune(ROWS, TuneTable(num_samples=1, space=SMALL_SPACE), training_settings, run_name="all-fail")
    study = store.read("all-fail")
    assert study.state == "failed"
    assert REFUSED in study.error


class Clock:
    """A fake clock for the study: ten seconds pass with each ended trial."""

    def __init__(self, store: studies.Store, study: str) -> None:
        self._store, self._study = store, study

    def monotonic(self) -> float:
        """The seconds."""
        return 10.0 * sum(trial.state in studies.ENDED for trial in self._store.read(self._study).trials)


def test_time_budget_ends_the_study_and_keeps_what_is_done(
    training_settings: Settings, store: studies.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "time", Clock(store, "in-time"))
    config = TuneTable(num_samples=1000, time_budget_s=20, space=SMALL_SPACE)
    study = store.read(tuning.tune(ROWS, config, training_settings, run_name="in-time")["study"])
    assert study.state == "succeeded"
    assert 2 <= len(study.trials) < 1000
    cut = [trial for trial in study.trials if trial.state == "interrupted"]
    assert all("time budget of 20 s" in trial.stopped_because for trial in cut)
    assert study.best is not None


class Stopper(Heard):
    """Stops the study, like Ctrl-C, when this many trials have ended and the next one has begun."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def step(self, done: int, total: int, note: dict[str, str]) -> None:
        super().step(done, total, note)
        if (done, note["running"]) == (self._after, "1"):
            raise KeyboardInterrupt


def test_stopped_study_goes_on_without_running_finished_trials_again(
    training_settings: Settings, table_study: studies.Study, store: studies.Store
) -> None:
    """``tests/proof/test_cut_off_studies.py`` does it to a process by a signal."""
    config = TuneTable(**SMALL)
    with pytest.raises(KeyboardInterrupt):
        tuning.tune(ROWS, config, training_settings, run_name="stopped", listener=Stopper(after=3))

    cut = store.read("stopped")
    assert cut.state == "stopped"
    ended = {trial.trial: trial for trial in cut.trials if trial.state in studies.ENDED}
    assert len(ended) == 3
    others = [trial for trial in cut.trials if trial.trial not in ended]
    assert [(trial.state, trial.stopped_because) for trial in others] == [("interrupted", "the study was stopped")]
    drawn = [[(trial.params, trial.metrics) for trial in found.trials[:3]] for found in (cut, table_study)]
    assert drawn[0] == drawn[1], "one seed gives the same trials and the same figures"
    tuning.tune(ROWS, config, training_settings, run_name="stopped")

    assert_resumed(store.read("stopped"), 6, ended, others, training_settings)


def test_ended_study_is_not_run_again(
    training_settings: Settings, table_outcome: dict[str, Any], store: studies.Store
) -> None:
    before = store.read(table_outcome["study"])
    again = tuning.tune(ROWS, TuneTable(**SMALL), training_settings, run_name=table_outcome["study"])
    assert again == table_outcome
    assert store.read(table_outcome["study"]) == before


def test_study_is_not_gone_on_with_by_other_options(
    training_settings: Settings, table_outcome: dict[str, Any], store: studies.Store
) -> None:
    with pytest.raises(ConfigError, match="begun with other options"):
        tuning.tune(ROWS, TuneTable(**SMALL, seed=5), training_settings, run_name=table_outcome["study"])
    assert store.read(table_outcome["study"]).state == "succeeded"


def test_half_a_line_of_a_killed_process_is_no_harm(table_study: studies.Study, store: studies.Store) -> None:
    file = store.folder(table_study.study) / studies.TRIALS
    with file.open("a") as half:
        half.write('{"event": "figures", "trial": "00')
    assert store.read(table_study.study).trials == table_study.trials


def test_terminal_lists_and_shows_studies(
    training_settings: Settings,
    table_study: studies.Study,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(studies, "get_settings", lambda: training_settings)
    assert studies.main(["list"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(table_study.study))
    assert "breast-cancer  succeeded       6 trials  validation_logloss" in line
    assert studies.main(["show", table_study.study]) == 0
    assert studies.Study.model_validate_json(capsys.readouterr().out) == table_study
    assert studies.main(["show", "nothing"]) == 2
    assert capsys.readouterr().err == "error: There is no study 'nothing'.\n"


def test_trials_scale_rows_as_training_does(training_settings: Settings, table_study: studies.Study) -> None:
    """The model that a study keeps answers as the figures in its record say."""
    table = dataset.read(ROWS)
    scaled = breast_cancer.scaled_columns(TrainTable().completed(ROWS), table.names)
    preprocessor = Preprocessor(table.features, breast_cancer.fit_preprocessor(ROWS, table, scaled))
    rows, malignant = breast_cancer.encoded(table, preprocessor, "validation")
    folder = studies.Store(training_settings).folder(table_study.study) / f"checkpoint-{table_study.best.trial}"
    booster = xgb.Booster(model_file=str(folder / WEIGHTS))
    p = booster.inplace_predict(rows)
    logloss = -np.where(malignant, np.log(p), np.log(1 - p)).mean()
    assert logloss == pytest.approx(table_study.best.value, abs=1e-5)
