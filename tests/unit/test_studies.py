"""Studies without running one: search spaces, draws, and the records of ended and shipped studies."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from models import specs
from settings import Settings
from tests.helpers.models import IMAGES, ROWS
from training import families
from training.jobs import store as jobs
from training.runs.errors import ConfigError, OptionError
from training.tuning import search as searching
from training.tuning import studies
from training.tuning import study as tuning
from training.tuning.config import Task, TuneImages, TuneTable
from training.tuning.recorder import recording
from training.tuning.reports import Prepared

SMALL_SPACE = {
    "max_depth": {"type": "int", "low": 1, "high": 6},
    "learning_rate": {"type": "log", "low": 0.05, "high": 0.5},
}


def _searcher(config: TuneTable) -> Any:
    plan = tuning._plan(Task(ROWS, config), Prepared(print, longest=100, about={}))
    return searching._searcher(plan, known=[], again=[])


def test_one_seed_draws_the_same_values_and_another_draws_others() -> None:
    drawn = []
    for seed in (1, 1, 2):
        config = TuneTable(num_samples=5, seed=seed, space=SMALL_SPACE)
        searcher = searching._searcher(
            tuning._plan(Task(ROWS, config), Prepared(print, longest=100, about={})), known=[], again=[]
        )
        drawn.append([searcher.suggest(str(trial)) for trial in range(5)])
    assert drawn[0] == drawn[1] != drawn[2]


def test_chapter_searches_depth_as_the_chapter_did() -> None:
    config = TuneTable(preset="chapter").written_out(ROWS)
    search = config.search(ROWS)
    assert (search.metric, search.mode, config.num_samples) == ("train-logloss", "min", 2)
    assert config.model_dump(mode="json")["space"] == {"max_depth": {"type": "int", "low": 1, "high": 8}}
    searcher = searching._searcher(
        tuning._plan(Task(ROWS, config), Prepared(print, longest=100, about={})), known=[], again=[]
    )
    drawn = [searcher.suggest(str(trial)) for trial in range(30)]
    assert all(set(values) == {"max_depth"} and 1 <= values["max_depth"] <= 8 for values in drawn)


def test_study_that_runs_is_not_run_beside_itself_and_is_cut_off_when_its_process_is_gone(tmp_path: Path) -> None:
    settings, config = Settings(air_home=tmp_path), TuneTable(num_samples=5, space=SMALL_SPACE).written_out(ROWS)
    store = studies.Store(settings)
    header = studies.Header(
        study="one",
        model="breast-cancer",
        state="running",
        metric=config.search(ROWS).metric,
        mode=config.search(ROWS).mode,
        step=config.search(ROWS).step,
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
            tuning.tune(ROWS, config, settings, run_name="one")
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
        spec = specs.get(study.model)
        schema = families.TUNE[spec.family]
        found = schema.TUNABLE.training_config(schema.model_validate(study.config).base(spec), study.best.params)
        recorded = type(found).model_validate(study.best.config).completed(spec)
        # How many workers is a matter of the machine; the rest is what the search found.
        assert recorded == found.model_copy(update={"num_workers": recorded.num_workers})
        with pytest.raises(ConfigError, match="cannot be resumed"):
            store.own_folder(study.study)


@pytest.mark.parametrize(
    ("space", "place", "problem"),
    [
        ({}, "", "it is empty; name at least one of max_depth"),
        ({"depth": {"type": "int", "low": 1, "high": 2}}, "", "there is no parameter 'depth' to tune; there are"),
        ({"max_depth": {"type": "int", "low": 8, "high": 3}}, "max_depth", "low is 8 and high is 3"),
        ({"max_depth": {"type": "int", "low": 1, "high": 99}}, "max_depth.high", "must be at most 15, got 99"),
        ({"max_depth": {"type": "float", "low": 1, "high": 3}}, "max_depth", "it takes whole numbers"),
        ({"max_depth": {"type": "int", "low": 1.5, "high": 3}}, "max_depth.low", "must be a whole number, got '1.5'"),
        ({"max_depth": {"type": "int", "low": True, "high": 3}}, "max_depth.low", "must be a whole number"),
        ({"max_depth": {"type": "int", "low": 1}}, "max_depth.high", "is missing"),
        ({"max_depth": {"type": "int", "low": 1, "high": 3, "by": 1}}, "max_depth.by", "is not known here"),
        ({"max_depth": {"low": 1, "high": 3}}, "max_depth", "it has no type; the types are float, log, int"),
        ({"max_depth": {"type": "normal"}}, "max_depth", "'normal' is not a type"),
        ({"max_depth": {"type": "choice", "values": []}}, "max_depth.values", "must have at least 1 item"),
        ({"max_depth": {"type": "choice", "values": [2, "deep"]}}, "max_depth.values.1", "must be a"),
        ({"max_depth": {"type": "choice", "values": [2, 2]}}, "max_depth", "values names one of them twice"),
        ({"max_depth": {"type": "choice", "values": [2, 2.5]}}, "max_depth.values", "must be a whole number, got 2.5"),
        ({"max_depth": 3}, "max_depth", "it is not an object such as"),
        ([1], "", "it is not an object with a parameter's name for each key"),
        ({"learning_rate": {"type": "log", "low": 0, "high": 1}}, "learning_rate", "low is 0; a log range"),
        ({"subsample": {"type": "float", "low": 0.5, "high": 1.5}}, "subsample.high", "must be at most 1.0, got 1.5"),
        ({"gamma": {"type": "float", "low": 0, "high": float("inf")}}, "gamma.high", "must be a finite number"),
    ],
)
def test_space_that_makes_no_sense_is_refused_by_name(space: Any, place: str, problem: str) -> None:
    with pytest.raises(OptionError) as caught:
        jobs.validated("tune", "breast-cancer", {"space": space})
    assert ".".join(caught.value.field) == f"space.{place}".rstrip(".")
    assert caught.value.problem.startswith(problem)
    assert "\n" not in str(caught.value)


def test_epochs_are_no_parameter_of_an_image_study() -> None:
    with pytest.raises(ValueError, match="there are learning_rate, batch_size"):
        TuneImages(space={"epochs": {"type": "int", "low": 1, "high": 9}})


def test_batch_size_of_an_image_study_is_a_whole_number() -> None:
    batch_size = TuneImages.TUNABLE.widest()["batch_size"]
    assert {key: batch_size[key] for key in ("type", "low", "high")} == {"type": "int", "low": 10, "high": 5000}
    assert TuneImages.TUNABLE.defaults(TuneImages().base(IMAGES)) == {"learning_rate": 1.0, "batch_size": 250}
    with pytest.raises(ValueError, match="batch_size: it takes whole numbers"):
        TuneImages(space={"batch_size": {"type": "log", "low": 10, "high": 100}})


def test_configuration_survives_being_written_down() -> None:
    config = TuneTable(num_samples=6, space=SMALL_SPACE)
    assert TuneTable.model_validate(json.loads(json.dumps(config.model_dump()))) == config
