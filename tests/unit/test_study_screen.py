"""What the Tuning screen derives from a study: its data, the options for a training, errors of a search space."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ui.tuning import data as study_data
from ui.tuning import handover
from ui.tuning import space as study_space
from ui.tuning import view as study_view


def _study(trials: int, **options: Any) -> dict[str, Any]:
    return {
        "study": "one",
        "model": "breast-cancer",
        "metric": "validation_logloss",
        "mode": "min",
        "step": "round",
        "created": "2026-01-02T03:04:05+00:00",
        "config": {"space": {"gamma": {"type": "float", "low": 0.0, "high": 2.0}}},
        "importance": None,
        "tunable": {"gamma": {"title": "Gamma", "description": "Least gain that a split must bring."}},
        "best": {"trial": "1", "value": 0.1, "params": {"gamma": 0.5}, "config": {"max_depth": 3, "params": {}}},
        "trials": [
            {
                "trial": str(number),
                "state": "finished",
                "params": {"gamma": 0.5},
                "metrics": [{"step": 20, "validation_logloss": 0.1 + number / 1000}],
                "started": 1767323045.0,
                "duration_s": 1.0,
                "stopped_because": "it did all its 20 rounds",
            }
            for number in range(1, trials + 1)
        ],
    } | options


def test_running_study_sends_only_the_trials_that_have_changed() -> None:
    whole = study_data.message(_study(500), None)
    assert (len(whole["trials"]), whole["base"]) == (500, 0)
    before = study_data.sent(whole, None)
    assert study_data.message(_study(500), before) is None
    change = study_data.message(_study(501), before)
    assert ([row[0] for row in change["trials"]], change["base"]) == (["501"], whole["number"])
    assert study_data.message(_study(3), before)["base"] == 0


def test_figures_that_are_no_numbers_are_left_out() -> None:
    study = _study(1)
    study["trials"][0]["metrics"] += [{"step": 40, "validation_logloss": None}, {"validation_logloss": 1}]
    study["trials"][0]["params"] = {"gamma": "<b>", "new": float("nan")}
    row = study_data.picture(study)["trials"][0]
    assert row[5:] == [[None, None], [[20, 0.101]], None]


def _of_learner(number: str, learner: str, steps: int, loss: float) -> dict[str, Any]:
    costs = {"spread": 0.01, "validation_auc": 0.99, "fit_s": 0.25, "answer_us": 12.4, "size_bytes": 2048}
    metrics = [{"step": step, "validation_logloss": loss, **costs} for step in range(1, steps + 1)]
    params = {"learner": learner, "l2": 0.5}
    return {"trial": number, "params": params, "metrics": metrics, "state": "finished", "stopped_because": ""} | {
        "started": 1767323045.0,
        "duration_s": 1.0,
    }


def test_leaderboard_has_the_best_whole_trial_of_each_learner_best_first() -> None:
    trials = [_of_learner("1", "xgboost", 5, 0.11), _of_learner("2", "linear", 5, 0.08)]
    trials += [
        _of_learner("3", "linear", 5, 0.07),
        _of_learner("4", "linear", 2, 0.01),
        _of_learner("5", "mlp", 2, 0.02),
    ]
    tunable = {"l2": {"title": "L2 penalty", "description": ""}}
    study = _study(0, tunable=tunable, step="fold") | {"trials": trials}
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', str(study_view.leaderboard(study)))
    assert [" ".join(re.sub("<.*?>", " ", row).split()) for row in rows] == [
        "linear trial 3: l2 penalty 0.5 0.07 ± 0.01 5 folds 0.99 0.25 s 12 µs 2.0 kB",
        "xgboost trial 1: l2 penalty 0.5 0.11 ± 0.01 5 folds 0.99 0.25 s 12 µs 2.0 kB",
        "mlp trial 5: l2 penalty 0.5 0.02 ± 0.01 2 folds 0.99 0.25 s 12 µs 2.0 kB",
    ]
    assert study_data.picture(study)["trials"][0][-1] == "xgboost"
    assert not str(study_view.leaderboard(_study(3))).strip()


def test_trial_of_a_study_becomes_a_training_configuration() -> None:
    study = _study(2)
    study["trials"][1]["params"] = {"gamma": 1.5, "max_depth": 7}
    taken = handover.found(study, "2")
    assert taken["config"] == {"max_depth": 7, "params": {"gamma": 1.5}}
    assert handover.carried(taken, "breast-cancer", ["max_depth"]) == {"params": {"gamma": 1.5}}
    assert handover.carried(taken, "cifar10", []) == {}
    assert handover.found(study, "3") is None


@pytest.mark.parametrize(
    ("typed", "field", "text"),
    [
        ({"low": "", "high": "5"}, "low", "“From” is empty."),
        ({"low": "1", "high": "x"}, "high", "“To”: “x” is not a number."),
        ({"low": "1", "high": "nan"}, "high", "“To”: “nan” is not a number."),
        ({"low": "1", "high": "2.5"}, "high", "“To” is 2.5; it must be a whole number."),
        ({"low": "1", "high": "16"}, "high", "“To” is 16; it can be 1 to 15."),
        ({"low": "5", "high": "5"}, "", "“From” is 5 and “To” is 5; “From” must be the smaller one."),
    ],
)
def test_fault_of_a_range_names_its_field(typed: dict[str, str], field: str, text: str) -> None:
    row = {"name": "max_depth", "type": "int", "on": True, **typed}
    limits = {"max_depth": {"type": "int", "low": 1, "high": 15}}
    assert study_space.check([row], limits) == {"max_depth": {"field": field, "text": text}}
    assert study_space.check([row | {"on": False}], limits) == {"": {"field": "", "text": study_space.NOTHING}}


@pytest.mark.parametrize(
    ("limits", "typed", "text"),
    [
        ({"low": 0, "high": None}, "-1", "“From” is -1; it can be 0 or more."),
        ({"low": None, "high": 9}, "10", "“From” is 10; it can be at most 9."),
    ],
)
def test_parameter_without_an_end_is_held_to_its_other_one(
    limits: dict[str, int | None], typed: str, text: str
) -> None:
    row = {"name": "gamma", "type": "float", "on": True, "low": typed, "high": "1000000"}
    assert study_space.check([row], {"gamma": limits}) == {"gamma": {"field": "low", "text": text}}
    assert study_space.check([row | {"low": "1"}], {"gamma": limits | {"high": None}}) == {}


@pytest.mark.parametrize(
    ("path", "problem", "faults"),
    [
        (["space", "max_depth"], "low is 8", {"max_depth": {"field": "", "text": "Low is 8."}}),
        (
            ["space", "max_depth", "high"],
            "must be at most 15, got 99",
            {"max_depth": {"field": "high", "text": "“To” must be at most 15, got 99."}},
        ),
        (
            ["space", "max_depth", "values", "1"],
            "must be a number",
            {"max_depth": {"field": "values", "text": "“Values” must be a number."}},
        ),
        (["space"], "it is empty", {"": {"field": "", "text": "It is empty."}}),
        (["num_samples"], "must be at least 1", {}),
        ([], "the queue is full", {}),
    ],
)
def test_refusal_of_a_space_finds_its_row(path: list[str], problem: str, faults: study_space.Faults) -> None:
    row = {"name": "max_depth", "type": "int", "on": True, "low": "1", "high": "2"}
    assert study_space.refused(path, problem, [row]) == faults


def test_parameters_have_the_words_of_the_api() -> None:
    params = study_data.picture(_study(1))["params"]
    assert [(each["title"], each["meaning"]) for each in params] == [("Gamma", "Least gain that a split must bring.")]
