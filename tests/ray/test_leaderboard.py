"""The leaderboard: learners compared by cross-validation, recomputed with plain scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer

from settings import Settings
from tests.helpers.models import ROWS
from training.datasets import tables as dataset
from training.runs.config import TrainTable
from training.table import learner_options
from training.tuning import studies
from training.tuning import study as tuning
from training.tuning.config import TuneTable


def test_leaderboard_compares_learners_on_the_same_folds_as_scikit_learn_does(
    training_settings: Settings,
) -> None:
    known = [name for name in ("xgboost", "linear", "mlp", "keras") if not learner_options.missing(name)]
    config = TuneTable(preset="learners", num_samples=len(known))
    few = ROWS.searches["learners"] | {"folds": 4, "repeats": 2}
    spec = ROWS.model_copy(update={"searches": ROWS.searches | {"learners": few}})
    outcome = tuning.tune(spec, config, training_settings)
    study = studies.Store(training_settings).read(outcome["study"])
    assert [trial.params["learner"] for trial in study.trials] == known  # each its preset first
    assert (study.step, study.best.config["learner"]) == ("fold", study.best.params["learner"])
    linear = next(trial for trial in study.trials if trial.params == {"learner": "linear", "l2": 1.0})
    last = linear.metrics[-1]
    assert (last["step"], last["size_bytes"] < 3000, last["answer_us"] > 0) == (8, True, True)
    table = dataset.read(ROWS)
    inside = table.split != "test"
    values = np.column_stack([table.columns[name] for name in table.names])[inside]
    malignant = table.target[inside] == 0
    folds = RepeatedStratifiedKFold(n_splits=4, n_repeats=2, random_state=0)
    peer = make_pipeline(PowerTransformer(), LogisticRegression(max_iter=5000))
    found = cross_validate(peer, values, malignant, cv=folds, scoring=["roc_auc", "neg_log_loss"])
    assert last["validation_auc"] == pytest.approx(found["test_roc_auc"].mean(), abs=0.002)
    assert last["validation_logloss"] == pytest.approx(-found["test_neg_log_loss"].mean(), abs=0.002)
    assert last["spread"] == pytest.approx(found["test_neg_log_loss"].std(ddof=1), abs=0.002)
    assert outcome["config"] == study.best.config
    trained = TrainTable.model_validate(study.best.config).completed(ROWS)
    assert trained.learner == study.best.params["learner"]
