"""The Keras learner: what is kept answers without TensorFlow as the network did."""

from __future__ import annotations

import numpy as np
import pytest

from models.specs import Question
from tests.helpers.training.problems import problem_of
from training.jobs import store as jobs
from training.runs.errors import ConfigError
from training.table import learner_options, learners
from training.table.learners.networks import Rows, sizes_of

FAST = {"epochs": 8, "hidden_units": 16, "learning_rate": 0.01, "weight_decay": 0.01}


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_kept_layers_answer_as_keras_does(kind: Question) -> None:
    if why := learner_options.missing("keras"):
        with pytest.raises(ConfigError, match=why):
            jobs.validated("train", "breast-cancer", {"learner": "keras"})
        return
    from training.table.learners import keras

    problem = problem_of(kind, "keras", **FAST)
    rows = Rows.of(problem)
    network = keras.build(sizes_of(problem, rows.train[0].shape[1]))
    wanted = network.predict(rows.train[0], verbose=0).astype(np.float64) * rows.standard.std + rows.standard.mean
    encoded, _ = problem.rows["train"]
    kept = rows.learner(keras.layers_of(network)).margins(encoded)
    np.testing.assert_allclose(kept, wanted, rtol=1e-5, atol=1e-5)

    learner, history = learners.fit(problem)
    loss = "validation_rmse" if kind == "regression" else "validation_logloss"
    assert history[7][loss] < 0.9 * history[0][loss]
    pushes, margins = learner.contributions(encoded, problem.types), learner.margins(encoded)
    np.testing.assert_allclose(pushes.sum(axis=-1).reshape(margins.shape), margins, rtol=1e-6, atol=1e-6)
