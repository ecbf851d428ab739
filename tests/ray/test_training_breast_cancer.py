"""Real trainings of the table model: good, repeatable, with clear errors.

``tests/proof/test_two_workers.py`` uses two workers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import logit
from sklearn.preprocessing import PowerTransformer

from models import catalog
from models.artifact import checkpoint
from models.registry import Registry
from settings import Settings
from tests.helpers.models import ROWS
from training.datasets import tables as dataset
from training.runs.config import TrainTable
from training.runs.errors import ConfigError, TrainingError
from training.table import train as stage


@pytest.fixture(scope="module")
def trained(training_settings: Settings) -> dict[str, Path]:
    """Folders of three runs: the defaults twice, and trees with every column scaled."""
    runs = {
        "first": TrainTable(),
        "again": TrainTable(),
        "scaled": TrainTable(learner="xgboost", scaled_columns=["all"], params={"gamma": 0.1}),
    }
    return {name: stage.train(ROWS, config, training_settings)[1] for name, config in runs.items()}


def _test_answers(folder: Path) -> np.ndarray:
    matrix = dataset.read(ROWS).rows("test")
    return catalog.load(folder).predict(matrix)


@pytest.mark.parametrize("name", ["first", "scaled"])
def test_defaults_tell_malignant_from_benign(trained: dict[str, Path], name: str) -> None:
    metrics = checkpoint.read_metadata(trained[name]).metrics
    assert metrics["test_auc"] >= 0.99
    assert metrics["validation_auc"] >= 0.98
    malignant = dataset.read(ROWS).part("test")[1] == 0
    assert ((_test_answers(trained[name]) >= 0.5) == malignant).mean() == pytest.approx(1 - metrics["test_error"])


def test_one_seed_gives_the_same_predictions(trained: dict[str, Path]) -> None:
    assert np.abs(_test_answers(trained["first"]) - _test_answers(trained["again"])).max() < 1e-6


def test_steps_are_fitted_on_training_rows_and_serving_uses_them(trained: dict[str, Path]) -> None:
    model = catalog.load(trained["first"])
    matrix = dataset.read(ROWS).rows("train")
    scaler, power = model.metadata.preprocessor["steps"]
    assert (scaler["step"], scaler["columns"]) == ("standard", ["mean radius", "mean texture"])
    assert (power["step"], len(power["columns"])) == ("power", 28)
    assert scaler["mean"][0] == pytest.approx(matrix[:, 0].mean())
    assert scaler["std"][0] == pytest.approx(matrix[:, 0].std(), rel=0.01)
    scaled = model.preprocessor(matrix)
    assert scaled[:, 0].mean() == pytest.approx(0, abs=1e-5)
    peer = PowerTransformer(standardize=False).fit(matrix[:, 2:])
    assert scaled[:, 2:] == pytest.approx(peer.transform(matrix[:, 2:]), abs=1e-4)
    assert model.learner.margins(scaled).ravel() == pytest.approx(logit(model.predict(matrix)), abs=1e-5)


def test_contributions_sum_to_the_logit(trained: dict[str, Path]) -> None:
    model = catalog.load(trained["first"])
    matrix = dataset.read(ROWS).rows("test")
    p = model.predict(matrix)
    assert np.abs(model.contributions(matrix, p).sum(1) - np.log(p / (1 - p))).max() < 1e-5


def test_thresholds_count_false_alarms_and_misses_on_validation(trained: dict[str, Path]) -> None:
    table = dataset.read(ROWS)
    matrix, malignant = table.rows("validation"), table.part("validation")[1] == 0
    p = catalog.load(trained["first"]).predict(matrix)
    rows = checkpoint.read_evaluation(trained["first"])["thresholds"]
    middle = next(row for row in rows if row["threshold"] == 0.3)
    assert middle["false_alarms"] == int(((p >= 0.3) & ~malignant).sum())
    assert middle["misses"] == int(((p < 0.3) & malignant).sum())


def test_run_is_a_version_with_lineage(trained: dict[str, Path], training_settings: Settings) -> None:
    registry = Registry(training_settings)
    newest = registry.versions("breast-cancer")[0]
    assert Path(newest.source) == trained["scaled"]
    assert newest.aliases == ["challenger"]
    run = registry.client.get_run(newest.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["num_workers"] == "1"
    assert run.data.tags["data.fingerprint"] == dataset.read(ROWS).fingerprint
    history = registry.client.get_metric_history(newest.run_id, "validation_logloss")
    assert len({metric.step for metric in history}) >= 100
    figures = {item.path for item in registry.client.list_artifacts(newest.run_id, "figures")}
    assert "figures/confusion.html" in figures


def test_unknown_column_is_named(training_settings: Settings) -> None:
    with pytest.raises(ConfigError, match="'mean colour'"):
        stage.train(ROWS, TrainTable(scaled_columns=["mean colour"]), training_settings)


def test_parameter_that_xgboost_refuses_is_one_sentence_and_leaves_nothing(training_settings: Settings) -> None:
    before = Registry(training_settings).versions("breast-cancer")
    with pytest.raises(TrainingError) as caught:
        stage.train(ROWS, TrainTable(params={"updater": "refresh"}), training_settings)
    assert str(caught.value).startswith("XGBoost refuses the parameters: Updater: `refresh` can not")
    assert "\n" not in str(caught.value)
    assert Registry(training_settings).versions("breast-cancer") == before
