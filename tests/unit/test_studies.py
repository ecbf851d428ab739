"""Studies without running one: search spaces, draws, and the records of ended and shipped studies."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from training.jobs import store as jobs
from training.runs.errors import ConfigError
from training.tuning import search as searching
from training.tuning import studies
from training.tuning import study as tuning
from training.tuning.config import TUNE_SCHEMAS, TuneBreastCancer, TuneCifar10
from training.tuning.recorder import recording

SMALL_SPACE = {
    "max_depth": {"type": "int", "low": 1, "high": 6},
    "learning_rate": {"type": "log", "low": 0.05, "high": 0.5},
}


def test_one_seed_draws_the_same_values_and_another_draws_others() -> None:
    drawn = []
    for seed in (1, 1, 2):
        config = TuneBreastCancer(num_samples=5, seed=seed, space=SMALL_SPACE)
        searcher = searching._searcher(tuning._plan(config, print, longest=100), known=[], again=[])
        drawn.append([searcher.suggest(str(trial)) for trial in range(5)])
    assert drawn[0] == drawn[1] != drawn[2]


def test_chapter_searches_depth_as_the_chapter_did() -> None:
    config = TuneBreastCancer(preset="chapter").written_out()
    assert (config.search.metric, config.search.mode, config.num_samples) == ("train-logloss", "min", 2)
    assert config.model_dump(mode="json")["space"] == {"max_depth": {"type": "int", "low": 1, "high": 8}}
    searcher = searching._searcher(tuning._plan(config, print, longest=100), known=[], again=[])
    drawn = [searcher.suggest(str(trial)) for trial in range(30)]
    assert all(set(values) == {"max_depth"} and 1 <= values["max_depth"] <= 8 for values in drawn)


def test_study_that_runs_is_not_run_beside_itself_and_is_cut_off_when_its_process_is_gone(tmp_path: Path) -> None:
    settings, config = Settings(air_home=tmp_path), TuneBreastCancer(num_samples=5, space=SMALL_SPACE).written_out()
    store = studies.Store(settings)
    header = studies.Header(
        study="one",
        model="breast-cancer",
        state="running",
        metric=config.search.metric,
        mode=config.search.mode,
        step=config.search.step,
        config=config.model_dump(mode="json"),
        num_samples=5,
        created=datetime.now().astimezone().isoformat(),
    )
    with recording(store.root, header) as recorder:
        recorder.started("001", {"max_depth": 1})
        recorder.ended("001", "finished", "it did all")
        recorder.started("002", {"max_depth": 2})
        assert store.read("one").state == "running"
        with pytest.raises(ConfigError, match="is running already"):
            tuning.tune(config, settings, run_name="one")
    cut = store.read("one")
    assert cut.state == "interrupted"
    assert [(trial.state, trial.stopped_because) for trial in cut.trials] == [
        ("finished", "it did all"),
        ("interrupted", studies.CUT_OFF),
    ]


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
    config = TuneBreastCancer(num_samples=6, space=SMALL_SPACE)
    assert TuneBreastCancer.model_validate(json.loads(json.dumps(config.model_dump()))) == config
