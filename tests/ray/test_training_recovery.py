"""Trainings without resources or with bad data fail with a clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import torch

from settings import Settings
from tests.helpers.models import IMAGES
from training.datasets import pictures_ray as cifar10_ray
from training.datasets.pictures import Pictures
from training.image import data as cifar10_data
from training.image import train as stage
from training.image.learner import Learner
from training.image.loaders import MemoryLoader, ShardLoader
from training.runs import lone_worker
from training.runs.config import TrainImages
from training.runs.errors import DataError, DivergedError, TrainingError, UnreadablePictureError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def loaded(training_settings: Settings) -> cifar10_data.Loaded:
    """The small data set as a training takes it."""
    return cifar10_data.load(IMAGES, training_settings, TrainImages())


@pytest.mark.usefixtures("training_settings")
def test_worker_that_finds_no_place_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "0.2")
    with pytest.raises(
        TrainingError, match=r"^No worker could start within 0.2 s: Ray has no node with 900 CPU free\."
    ):
        lone_worker.fit(print, {}, None, {"num_cpus": 900, "num_gpus": 0})


def test_loss_that_is_not_finite_names_step_and_rate(loaded: cifar10_data.Loaded) -> None:
    endless = replace(loaded, preprocessor=loaded.preprocessor | {"std": [1e-42] * 3})
    run = TrainImages(net="lenet", epochs=1, batch_size=60)
    loader = MemoryLoader(*endless.train, run.batch_size, run.seed, 0, 1, CPU)
    learner = Learner(endless.recipe(run), loader, endless.sample, endless.validation, CPU)
    with pytest.raises(DivergedError, match=r"The loss became nan at step 0 with learning rate 0\.\d+; try a smaller"):
        learner.epoch(0)


@pytest.fixture(scope="module")
def broken(loaded: cifar10_data.Loaded) -> Pictures:
    """The training pictures, of which number 77 is truncated."""
    stored = loaded.stored.stored.to_pylist()
    stored[77] = stored[77][:90]
    return replace(loaded.stored, stored=pa.array(stored, type=pa.binary()))


@pytest.mark.parametrize("flow", [cifar10_ray.streamed, cifar10_ray.from_torch])
def test_picture_that_cannot_be_read_is_known_by_its_number(flow: Callable[[Pictures], Any], broken: Pictures) -> None:
    loader = ShardLoader(flow(broken).iterator(), len(broken), 60, seed=0, world=1, device=CPU)
    with pytest.raises(UnreadablePictureError) as found:
        list(loader.epoch(0))
    assert found.value.index == 77


def test_picture_that_cannot_be_read_ends_a_training_with_its_name(
    training_settings: Settings, loaded: cifar10_data.Loaded, broken: Pictures, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TrainImages(net="lenet", loader="stream", epochs=1, batch_size=60)
    with pytest.raises(DataError, match=r"^train/\w+/\d+\.png cannot be decoded; replace or remove it\.$"):
        stage.fit(config, training_settings, replace(loaded, train=None, stored=broken))
    assert "going on" not in capsys.readouterr().out
