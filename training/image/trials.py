"""The trials of a study of the image family: train a network with what was drawn."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune

from settings import Settings, available_cpus
from training.image import data
from training.image.worker import make_learner
from training.runs.config import TrainImages
from training.runs.ray_session import give_way
from training.tuning.config import Task
from training.tuning.reports import Prepared, report

MODEL_FILE = "network.pt"


def prepare(task: Task, settings: Settings) -> Prepared:
    """Read and decode the images once, for all trials. Raises TrainingError."""
    at_once = task.config.at_once(available_cpus())
    loaded = data.load(task.spec, settings, task.base.model_copy(update={"max_images": task.config.max_images}))
    base, epochs = task.base.placed(task.spec, False, loaded.train_count), task.config.epochs_for(loaded.train_count)
    setup = loaded.setup(base) | {"threads": max(1, available_cpus() // at_once), "epochs": epochs}
    return Prepared(
        trainable=tune.with_parameters(trial, task=task, setup=setup),
        longest=epochs,
        about={"source": loaded.splits.source, "fingerprint": loaded.splits.fingerprint()},
        gpus=min(1.0, ray.cluster_resources().get("GPU", 0) / at_once),
    )


def trial(drawn: dict[str, Any], task: Task, setup: dict[str, Any]) -> None:
    """Train a network with the drawn values; ``setup`` is a Learner's, but for them."""
    give_way()
    torch.set_num_threads(setup["threads"])
    epochs = setup["epochs"]
    config = task.config.TUNABLE.training_config(TrainImages(**setup["job"]), drawn)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    learner = make_learner({**setup, "job": config.model_dump()}, device)
    for epoch in range(epochs):
        figures = learner.epoch(epoch) | learner.validate()
        if epoch + 1 < epochs:
            report(task, figures, epoch + 1, epochs)
            continue
        with tempfile.TemporaryDirectory() as folder:
            torch.save(learner.network.state_dict(), Path(folder) / MODEL_FILE)
            report(task, figures, epoch + 1, epochs, folder)
