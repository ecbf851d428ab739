"""The options of trainings: their meaning, and those that exclude each other."""

from __future__ import annotations

from typing import Any

import pytest

from models.specs import ModelSpec
from tests.helpers.models import IMAGES, ROWS
from training.jobs import store as jobs
from training.runs.config import XGBOOST, TrainImages, TrainTable, from_command_line
from training.runs.errors import ConfigError
from training.table import learner_options
from training.table.booster_params import SAME, refuse_without_effect
from training.table.learners.trees import booster_params
from training.tuning.space import BoosterParams


@pytest.mark.parametrize(
    ("asked", "on_gpu", "on_cpu"),
    [
        ({}, 2_000, 250),
        ({"preset": "best"}, 250, 250),
        ({"net": "lenet"}, 250, 250),
        ({"batch_size": 60}, 60, 60),
    ],
)
def test_batch_suits_where_it_is_learned_from_unless_one_was_asked_for(
    asked: dict[str, Any], on_gpu: int, on_cpu: int
) -> None:
    config = TrainImages(**asked)
    assert (config.placed(IMAGES, gpu=True).batch_size, config.placed(IMAGES, gpu=False).batch_size) == (on_gpu, on_cpu)


OWN = IMAGES.model_copy(update={"name": "own"})


@pytest.mark.parametrize(
    ("images", "preset", "batch", "epochs"),
    [
        (12, "quick", 25, 150),
        (120, "standard", 25, 125),
        (120, "best", 25, 200),
        (1_078, "quick", 53, 8),
        (6_000, "standard", 250, 21),
        (45_000, "standard", 250, 16),
    ],
)
def test_few_images_are_seen_more_often_in_smaller_batches(images: int, preset: str, batch: int, epochs: int) -> None:
    placed = TrainImages(preset=preset).placed(OWN, False, images)
    assert (placed.batch_size, placed.epochs) == (batch, epochs)
    asked = TrainImages(preset=preset, batch_size=70, epochs=3).placed(OWN, False, images)
    assert (asked.batch_size, asked.epochs) == (70, 3)
    assert placed.placed(OWN, False, images) == placed


def test_batch_of_large_images_is_smaller() -> None:
    def batch(size: int) -> int | None:
        spec = IMAGES.model_copy(update={"data": IMAGES.data.model_copy(update={"size": size})})
        return TrainImages().placed(spec, False, 45_000).batch_size

    assert [batch(size) for size in (16, 32, 64, 128, 256)] == [250, 250, 250, 62, 15]


def test_few_images_start_from_the_shipped_weights_unless_asked_otherwise() -> None:
    assert IMAGES.pretrained == IMAGES.name, "the family's"

    def init(spec: ModelSpec = OWN, images: int = 200, **asked: Any) -> str | None:
        return TrainImages(**asked).placed(spec, False, images).init

    assert [init(), init(images=30_000), init(IMAGES), init(net="lenet")] == ["shipped", "new", "new", "new"]
    assert [init(init="new"), init(images=30_000, init="shipped")] == ["new", "shipped"]
    with pytest.raises(ValueError, match="init shipped needs the net airnet"):
        TrainImages(init="shipped", net="lenet")
    alone = OWN.model_copy(update={"pretrained": None})
    assert init(alone) == "new"
    with pytest.raises(ConfigError, match=r"config\.init: must be 'new': the spec of own names no shipped model"):
        TrainImages(init="shipped").completed(alone)


def test_corrections_are_learned_from_in_memory_only() -> None:
    with pytest.raises(ValueError, match="use_corrections needs the loader memory"):
        TrainImages(loader="stream", use_corrections=True)


def test_weight_of_corrections_without_corrections_is_refused() -> None:
    with pytest.raises(ValueError, match="correction_weight has no effect without use_corrections"):
        TrainImages(correction_weight=7)
    assert TrainImages.model_validate(TrainImages().model_dump()) == TrainImages()
    assert TrainImages(correction_weight=7, use_corrections=True).correction_weight == 7


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"foo": 1}, "XGBoost has no parameter 'foo'"),
        ({"gamma": 1, "early_stopping_rounds": 5}, "no parameter 'early_stopping_rounds'"),
        ({"rate_drop": 0.1}, "no parameter 'rate_drop' that has an effect here"),
        ({"num_trees": 3}, "no parameter 'num_trees'"),
        ({"n_estimators": 10}, "the option num_boost_round sets it"),
        ({"eta": 0.9}, "the option learning_rate sets it"),
        ({"learning_rate": 0.9}, "the option learning_rate sets it"),
        ({"max_depth": 9}, "the option max_depth sets it"),
        ({"random_state": 1}, "the option seed sets it"),
        ({"lambda": 1, "reg_lambda": 2}, "lambda and reg_lambda are two names of one parameter"),
        ({"min_split_loss": 1, "gamma": 2}, "two names of one parameter"),
        ({"booster": "gblinear"}, "'gblinear' the option max_depth would have no effect"),
        ({"nthread": 1}, "nthread is set by the program"),
        ({"n_jobs": 1}, "n_jobs is set by the program"),
        ({"validate_parameters": 0}, "is set by the program"),
        ({"tree_method": "magic"}, "XGBoost refuses the parameters: Invalid Input: 'magic'"),
        ({"subsample": "x"}, "XGBoost refuses the parameters: .*subsample"),
        ({"a b": 1}, "XGBoost refuses the parameters: .*whitespace"),
    ],
)
def test_parameter_of_xgboost_without_effect_is_refused_by_name(params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=rf"^config\.params: .*{sentence}"):
        jobs.validated("train", "breast-cancer", {"params": params})
    options = [f"--params={name}={value}" for name, value in params.items()]
    with pytest.raises(ConfigError, match=rf"^params: .*{sentence}"):
        from_command_line(TrainTable, ROWS, options)


def test_parameters_of_xgboost_with_an_effect_are_taken() -> None:
    for params in ({"gamma": 0.1}, {"lambda": 2, "alpha": 1}, {"booster": "dart", "rate_drop": 0.1}, {"max_leaves": 4}):
        assert booster_params(TrainTable(params=params), 1, ROWS.data).items() >= params.items()
    refuse_without_effect(XGBOOST | {"max_depth": 3, "learning_rate": 0.1}, BoosterParams().model_dump())
    for name, other in SAME.items():
        refuse_without_effect(XGBOOST | {"max_depth": 3, "learning_rate": 0.1}, {name: 1})
        refuse_without_effect(XGBOOST | {"max_depth": 3, "learning_rate": 0.1}, {other: 1})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (300, 15, {"max_leaves": 31, "subsample": 0.8})),
        ({"max_depth": 3}, (300, 3, {"max_leaves": 31, "subsample": 0.8})),
        ({"num_boost_round": 100}, (100, 15, {"max_leaves": 31, "subsample": 0.8})),
        ({"params": {"subsample": 0.5}}, (300, 15, {"max_leaves": 31, "subsample": 0.5})),
    ],
)
def test_preset_of_a_model_holds_for_what_is_not_given_on_the_command_line_too(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], expected: tuple[int, int, dict[str, Any]]
) -> None:
    preset = {"num_boost_round": 300, "max_depth": 15, "params": {"max_leaves": 31, "subsample": 0.8}}
    spec = ROWS.model_copy(update={"presets": {"default": preset}})
    config = TrainTable(**given).completed(spec)
    assert (config.num_boost_round, config.max_depth, config.params) == expected
    monkeypatch.setenv("num_boost_round", "7")
    words = [f"--params={k}={v}" for k, v in given.get("params", {}).items()]
    words += [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if name != "params"]
    typed = from_command_line(TrainTable, spec, words)
    assert typed.model_copy(update={"params": {k: float(v) for k, v in typed.params.items()}}) == config


@pytest.mark.parametrize(
    ("given", "learner"),
    [
        ({}, "linear"),
        ({"max_depth": 4}, "xgboost"),
        ({"l2": 0.5}, "linear"),
        ({"hidden_units": 8}, "mlp"),
        ({"epochs": 5, "learning_rate": 0.01}, "mlp"),
        ({"learning_rate": 0.01}, "xgboost"),
        ({"num_workers": 2}, "xgboost"),
        ({"learner": "linear", "seed": 3}, "linear"),
    ],
)
def test_learner_is_the_one_that_has_the_given_options(given: dict[str, Any], learner: str) -> None:
    config = jobs.validated("train", "breast-cancer", given)
    assert config["learner"] == learner
    assert config.items() >= given.items()
    assert jobs.validated("train", "breast-cancer", config) == config


def test_options_of_a_learner_are_those_of_its_preset_and_no_others() -> None:
    shared = {"data", "learner", "scaled_columns", "seed"}
    trees = {"num_boost_round", "max_depth", "learning_rate", "params", "early_stopping", "num_workers"}
    network = {"epochs", "hidden_units", "weight_decay", "learning_rate", "early_stopping", "num_workers"}
    of = {name: jobs.validated("train", "breast-cancer", {"learner": name}) for name in ("xgboost", "linear", "mlp")}
    assert set(of["xgboost"]) == shared | trees
    assert set(of["linear"]) == shared | {"l2"}
    assert set(of["mlp"]) == shared | network
    assert (of["xgboost"]["learning_rate"], of["mlp"]["learning_rate"], of["mlp"]["early_stopping"]) == (0.2, 0.003, 20)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"learner": "linear", "max_depth": 4},
            "config.max_depth: has no effect with the learner linear; leave it out.",
        ),
        ({"learner": "linear", "params": {"gamma": 1}}, "config.params: has no effect with the learner linear"),
        ({"learner": "linear", "num_workers": 2}, "config.num_workers: has no effect with the learner linear"),
        ({"learner": "mlp", "l2": 2}, "config.l2: has no effect with the learner mlp"),
        ({"learner": "xgboost", "epochs": 3}, "config.epochs: has no effect with the learner xgboost"),
        ({"l2": 2, "max_depth": 4}, "config.max_depth: has no effect with the learner linear"),
        ({"learner": "forest"}, "config.learner: must be 'xgboost', 'linear', 'mlp' or 'keras', got 'forest'."),
    ],
)
def test_option_of_another_learner_is_refused_by_name(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        jobs.validated("train", "breast-cancer", given)
    assert str(refused.value).startswith(sentence)


def test_keras_without_tensorflow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner_options, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as refused:
        jobs.validated("train", "breast-cancer", {"learner": "keras"})
    assert str(refused.value) == f"config.learner: keras {learner_options.NO_TENSORFLOW}."
    monkeypatch.setattr(learner_options, "find_spec", lambda name: name)
    assert jobs.validated("train", "breast-cancer", {"learner": "keras"})["learner"] == "keras"
