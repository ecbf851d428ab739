"""The learners of the table family: the same rows for each, margins and contributions without the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from models.artifact.checkpoint import CheckpointError
from models.specs import Question
from models.table import learners as weights
from models.table.learners.inputs import Inputs
from models.table.learners.layers import Layers
from tests.helpers.training.problems import data_of, problem_of, rows_of
from training.runs.config import TrainTable
from training.table import learners
from training.table.learners import Problem, figures, linear, mlp
from training.table.learners.networks import Rows, sizes_of

FAST = {"epochs": 8, "hidden_units": 16, "learning_rate": 0.01, "weight_decay": 0.01}


def test_inputs_are_standardised_categories_apart_and_gaps_the_mean() -> None:
    encoded, _ = rows_of(600, "binary")
    inputs = Inputs.fitted(encoded, ["q", "q", "c"])
    rows = inputs(encoded)
    assert rows.shape == (600, 6)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-6)
    first = StandardScaler().fit_transform(encoded[:, :1])
    np.testing.assert_allclose(rows[:, :1], first, atol=1e-5)
    unseen = inputs(np.array([[50, np.nan, 9], [50, np.nan, np.nan]], np.float32))
    assert (unseen[1, 1:] == 0).all()
    assert (unseen[0, 2:] < 0).all()  # none of the four values


def test_a_column_of_one_value_says_nothing_and_a_wild_value_not_everything() -> None:
    inputs = Inputs.fitted(np.array([[3, 1], [3, 2], [3, 3]], np.float32), ["q", "q"])
    assert inputs(np.array([[9, 1e30]], np.float32)).tolist() == [[0, 20]]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_linear_answers_as_scikit_learn_does(kind: Question) -> None:
    problem = problem_of(kind, "linear", l2=2.0)
    learner, history = learners.fit(problem)
    encoded, target = problem.rows["train"]
    rows = learner.inputs(encoded)
    peer = Ridge(alpha=2.0) if kind == "regression" else LogisticRegression(C=0.5, max_iter=5000)
    peer.fit(rows, target)
    if kind == "multiclass":
        wanted = peer.decision_function(rows)
        np.testing.assert_allclose(learner.margins(encoded), wanted, atol=1e-6)
    else:
        wanted = peer.predict(rows) if kind == "regression" else peer.decision_function(rows)
        np.testing.assert_allclose(learner.margins(encoded)[:, 0], wanted, atol=1e-6)
    assert list(history) == [0]
    assert set(history[0]) >= {"train_rmse", "validation_mae"} if kind == "regression" else {"validation_logloss"}


def test_linear_gives_a_class_without_training_rows_no_chance() -> None:
    encoded, target = rows_of(600, "multiclass")
    seen = target < 2
    problem = Problem(TrainTable(learner="linear"), data_of("multiclass"), ["q", "q", "c"], 1)
    problem.rows.update(train=(encoded[seen], target[seen]), validation=(encoded, target))
    margins = learners.fit(problem)[0].margins(encoded)
    assert margins.shape == (600, 3)
    assert (margins.argmax(axis=1)[seen] == target[seen]).mean() > 0.85
    assert (margins.argmax(axis=1) != 2).all()


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_network_answers_without_pytorch_as_with_it(kind: Question) -> None:
    problem = problem_of(kind, "mlp", **FAST)
    torch.manual_seed(0)
    rows = Rows.of(problem)
    network = mlp.build(sizes_of(problem, rows.train[0].shape[1]))
    encoded, _ = problem.rows["train"]
    with torch.no_grad():
        wanted = network(torch.from_numpy(rows.train[0])).double().numpy() * rows.standard.std + rows.standard.mean
    answered = rows.learner(mlp.layers_of(network)).margins(encoded)
    np.testing.assert_allclose(answered, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_contributions_sum_to_the_margins(kind: Question, name: str) -> None:
    problem = problem_of(kind, name, **(FAST if name == "mlp" else {}))
    learner, _ = learners.fit(problem)
    encoded, _ = problem.rows["validation"]
    pushes, margins = learner.contributions(encoded, problem.types), learner.margins(encoded)
    assert pushes.shape == ((200, 3, 4) if kind == "multiclass" else (200, 4))
    sums = pushes.sum(axis=-1).reshape(margins.shape)
    np.testing.assert_allclose(sums, margins, atol=1e-6 * max(1, np.abs(margins).max()))


def test_large_weights_are_explained_within_a_hundred_thousandth() -> None:
    random = np.random.default_rng(0)
    inputs = Inputs.fitted(random.normal(size=(200, 5)).astype(np.float32), ["q"] * 5)
    layers = [(random.normal(0, 1, size), random.normal(0, 1, size[1])) for size in ((5, 32), (32, 32), (32, 1))]
    learner, rows = Layers(inputs, layers), (random.normal(size=(100, 5)) * 3).astype(np.float32)
    margins = learner.margins(rows)[:, 0]
    off = np.abs(learner.contributions(rows, ["q"] * 5).sum(axis=1) - margins)
    assert (off / np.abs(margins).mean()).max() < 1e-5


def test_network_learns_what_a_linear_model_cannot_and_keeps_its_best_epoch() -> None:
    random = np.random.default_rng(0)
    encoded = random.uniform(-1, 1, (2000, 2)).astype(np.float32)
    target = (encoded[:, 0] * encoded[:, 1] > 0).astype(np.float32)
    rows = {"train": (encoded[:1500], target[:1500]), "validation": (encoded[1500:], target[1500:])}
    options = {"epochs": 60, "learning_rate": 0.01, "early_stopping": 10}
    right = {}
    for name in ("linear", "mlp"):
        config = TrainTable.model_validate({"learner": name} | (options if name == "mlp" else {}))
        learner, history = learners.fit(Problem(config, data_of("binary"), ["q", "q"], 1, rows))
        kept = figures.of_margins("binary", learner.margins(encoded[1500:]), target[1500:])
        assert kept["logloss"] == min(step["validation_logloss"] for step in history.values())
        right[name] = 1 - kept["error"]
    assert right["linear"] < 0.6
    assert right["mlp"] > 0.95


def test_same_seed_gives_the_same_network() -> None:
    first, second, other = (
        learners.fit(problem_of("binary", "mlp", **FAST, seed=seed))[0].layers[0][0] for seed in (3, 3, 4)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_weights_come_back_from_their_folder(tmp_path: Path) -> None:
    problem = problem_of("multiclass", "mlp", **FAST)
    learner, _ = learners.fit(problem)
    learner.save(tmp_path)
    encoded, _ = problem.rows["validation"]
    loaded = weights.load(tmp_path, {"learner": "mlp"})
    assert np.array_equal(loaded.margins(encoded), learner.margins(encoded))
    assert loaded.width == 3


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x80\x04 a pickle"])
def test_damaged_layers_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "layers.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"layers.npz does not hold layers"):
        weights.load(tmp_path, {"learner": "keras"})


def test_linear_has_no_trainer_for_several_workers() -> None:
    assert not hasattr(linear, "TRAINER")
