"""Several training workers: as good as one, killed, with too few images, or with a loss that is not a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models import catalog
from models.registry import Registry
from settings import Settings
from tests.helpers.models import IMAGES, ROWS
from tests.helpers.training import kept_by_rank
from tests.helpers.training.killed_worker import train_loop_killed_at
from tests.helpers.training.own_ray import own_ray
from training.datasets import tables as breast_cancer
from training.image import data as cifar10_data
from training.image import train as stage
from training.runs.config import TrainImages, TrainTable
from training.runs.errors import DivergedError
from training.table import train as table_stage
from training.table import workers as table_workers

EPOCHS = 4
RUN = TrainImages(preset="quick", epochs=EPOCHS, batch_size=60, num_workers=2)


@pytest.fixture(scope="module")
def training_settings(tmp_path_factory: pytest.TempPathFactory, small_cifar10: Path) -> Iterator[Settings]:
    """A separate Ray and AIR_HOME."""
    settings = Settings(air_home=tmp_path_factory.mktemp("home"), cifar10_dir=small_cifar10)
    with own_ray(settings):
        yield settings


@pytest.fixture(scope="module")
def loaded(training_settings: Settings) -> cifar10_data.Loaded:
    """The small data set as a training takes it."""
    return cifar10_data.load(IMAGES, training_settings, RUN)


@pytest.mark.parametrize("workers", [1, 2])
def test_run_whose_worker_is_killed_ends_as_one_that_was_left_alone(
    training_settings: Settings,
    loaded: cifar10_data.Loaded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    workers: int,
) -> None:
    run = RUN.model_copy(update={"num_workers": workers})
    undisturbed, history = stage.fit(run, training_settings, loaded)
    monkeypatch.setattr(stage, "train_loop", train_loop_killed_at(2, tmp_path / "killed"))
    state, after = stage.fit(run, training_settings, loaded)
    assert (tmp_path / "killed").exists()
    assert capsys.readouterr().out.count("continuing from the last epoch") == 1
    assert sorted(after) == sorted(history) == list(range(EPOCHS))
    for epoch in range(EPOCHS):
        assert after[epoch]["train_loss"] == pytest.approx(history[epoch]["train_loss"], rel=1e-4), epoch
    last = EPOCHS - 1
    assert after[last]["validation_accuracy"] == pytest.approx(history[last]["validation_accuracy"], abs=0.026)
    assert all(torch.allclose(state[name], value, atol=1e-3) for name, value in undisturbed.items())


def test_loss_that_is_not_finite_is_told_at_once_and_not_tried_again(
    training_settings: Settings, loaded: cifar10_data.Loaded, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = replace(loaded, preprocessor=loaded.preprocessor | {"std": [1e-42] * 3})
    with pytest.raises(DivergedError, match=r"The loss became nan at step 0 with learning rate 0\.\d+; try a smaller"):
        stage.fit(RUN.model_copy(update={"net": "lenet"}), training_settings, endless)
    assert "going on" not in capsys.readouterr().out


def test_fewer_images_than_a_batch_are_learned_from(training_settings: Settings) -> None:
    config = TrainImages(net="lenet", loader="stream", epochs=6, max_images=30, num_workers=2)
    _, history = stage.fit(config, training_settings, cifar10_data.load(IMAGES, training_settings, config))
    assert history[5]["train_loss"] < history[0]["train_loss"]


def test_table_model_learns_and_is_a_version_with_lineage(training_settings: Settings) -> None:
    config = TrainTable(num_workers=2, scaled_columns=["all"], params={"gamma": 0.1})
    version, folder, metrics = table_stage.train(ROWS, config, training_settings)
    assert metrics["test_auc"] >= 0.99
    assert metrics["validation_auc"] >= 0.98
    table = breast_cancer.read(ROWS)
    matrix, malignant = table.rows("test"), table.part("test")[1] == 0
    answers = catalog.load(folder).predict(matrix)
    assert ((answers >= 0.5) == malignant).mean() == pytest.approx(1 - metrics["test_error"])
    registry = Registry(training_settings)
    newest = registry.versions("breast-cancer")[0]
    assert (newest.version, Path(newest.source), newest.aliases) == (version, folder, ["challenger"])
    run = registry.client.get_run(newest.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["num_workers"] == "2"
    assert run.data.tags["data.fingerprint"] == breast_cancer.read(ROWS).fingerprint
    history = registry.client.get_metric_history(newest.run_id, "validation_logloss")
    assert len({metric.step for metric in history}) >= 100
    figures = {item.path for item in registry.client.list_artifacts(newest.run_id, "figures")}
    assert "figures/confusion.html" in figures


def test_two_workers_train_one_network_as_good_as_that_of_one(
    training_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_workers, "train_loop", kept_by_rank.train_loop_kept_in(tmp_path))
    one, two = (
        table_stage.train(ROWS, TrainTable(learner="mlp", num_workers=number), training_settings)[2]
        for number in (1, 2)
    )
    kept_by_rank.assert_learned_as_one(tmp_path)
    assert two == pytest.approx(one, abs=0.03)
