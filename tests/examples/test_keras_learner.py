"""The Keras learner: what is kept answers without TensorFlow as the network did; two workers learn as well as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.specs import Question
from settings import Settings
from tests.helpers.models import ROWS
from tests.helpers.training import kept_by_rank
from tests.helpers.training.own_ray import own_ray
from tests.helpers.training.problems import problem_of
from training.jobs import store as jobs
from training.runs.config import TrainTable
from training.runs.errors import ConfigError
from training.table import learner_options, learners, workers
from training.table import train as stage
from training.table.learners.networks import Rows

FAST = {"epochs": 8, "hidden_units": 16, "learning_rate": 0.01, "weight_decay": 0.01}


def _is_refused(config: dict[str, object]) -> bool:
    """Whether TensorFlow is missing; then a job must be refused with that reason."""
    why = learner_options.missing("keras")
    if why:
        with pytest.raises(ConfigError, match=why):
            jobs.validated("train", ROWS.name, config)
    return bool(why)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_kept_layers_answer_as_keras_does(kind: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    if _is_refused({"learner": "keras"}):
        return
    from training.table.learners import keras

    networks, build = [], keras.build
    monkeypatch.setattr(keras, "build", lambda sizes: networks.append(build(sizes)) or networks[0])
    problem = problem_of(kind, "keras", **FAST)
    learner, history = learners.fit(problem)
    loss = "validation_rmse" if kind == "regression" else "validation_logloss"
    assert history[7][loss] < 0.9 * history[0][loss]

    rows, (encoded, _) = Rows.of(problem), problem.rows["train"]
    wanted = networks[0].predict(rows.train[0], verbose=0).astype(np.float64) * rows.standard.std + rows.standard.mean
    np.testing.assert_allclose(learner.margins(encoded), wanted, rtol=1e-5, atol=1e-5)
    pushes, margins = learner.contributions(encoded, problem.types), learner.margins(encoded)
    np.testing.assert_allclose(pushes.sum(axis=-1).reshape(margins.shape), margins, rtol=1e-6, atol=1e-6)


def test_two_workers_train_one_network_as_good_as_that_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if _is_refused({"learner": "keras", "num_workers": 2}):
        return
    monkeypatch.setattr(workers, "train_loop", kept_by_rank.train_loop_kept_in(tmp_path))
    with own_ray(Settings(air_home=tmp_path / "home")) as settings:
        one, two = (
            stage.train(ROWS, TrainTable(learner="keras", num_workers=number), settings)[2] for number in (1, 2)
        )
    kept_by_rank.assert_learned_as_one(tmp_path)
    assert two == pytest.approx(one, abs=0.03)
