"""The programs about models: a training, a search, a batch prediction, and what MLflow keeps."""

from __future__ import annotations

import re
from pathlib import Path

from mlflow.tracking import MlflowClient

from tests.helpers.programs import output_of


def _figures(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d\.\d+", line)]


def test_two_workers_train_one_model(tmp_path: Path) -> None:
    workers, train, validation, auc, checkpoint = output_of("xgboost_trainer", tmp_path)
    assert workers == "2 workers with 199 of 399 rows each"
    assert _figures(train)[0] < 0.05, train
    assert _figures(validation)[0] < 0.12, validation
    assert _figures(auc)[0] > 0.98, auc
    assert re.fullmatch(r"the checkpoint checkpoint_\S+ holds 20 trees", checkpoint)
    assert len(list(tmp_path.glob("runs/*/checkpoint_*/model.ubj"))) == 1


def test_search_prints_every_depth_and_the_best(tmp_path: Path) -> None:
    *trials, best = output_of("tuner", tmp_path)
    depths = [int(re.match(r"max_depth (\d):", line).group(1)) for line in trials]
    by_depth = dict(sorted(zip(depths, map(_figures, trials), strict=True)))
    assert list(by_depth) == [1, 2, 4, 8]
    validation, train = zip(*by_depth.values(), strict=True)
    assert list(train) == sorted(train, reverse=True), "deeper trees fit the training rows better"
    assert min(validation) > max(train[1:])
    assert best == f"best: max_depth {list(by_depth)[validation.index(min(validation))]}"


def test_batches_are_answered_by_two_actors(tmp_path: Path) -> None:
    assert output_of("batch_prediction", tmp_path) == [
        "569 rows in 8 batches, 2 actors",
        "it is malignant; answer: malignant, malignant with 0.999",
        "it is malignant; answer: malignant, malignant with 1.000",
        "it is malignant; answer: malignant, malignant with 1.000",
        "right: 98.2%, of rows that are mostly the model's own training rows",
    ]


def test_mlflow_has_a_run_for_the_training_and_for_each_trial(tmp_path: Path) -> None:
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    ids = [client.create_experiment(name) for name in ("training", "search")]  # as an earlier run would
    assert sorted(output_of("mlflow_tracking", tmp_path)) == [
        "search, max_depth 1: log loss [0.486, 0.378, 0.309, 0.259, 0.227]",
        "search, max_depth 2: log loss [0.452, 0.339, 0.265, 0.216, 0.18]",
        "training, max_depth 3: log loss [0.435, 0.318, 0.241, 0.189, 0.152]",
    ]
    assert [run.info.status for run in client.search_runs(ids)] == ["FINISHED"] * 3
