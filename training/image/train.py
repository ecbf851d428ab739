"""Train a model of the image family: Ray Data decodes, Ray Train's TorchTrainer trains, MLflow remembers.

Stages: load (data) → fit (worker, learner) → evaluate (evaluation) → publish a version.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from models.artifact import checkpoint
from models.image.model import ImageModel
from models.image.networks import build
from models.specs import ModelSpec
from settings import Settings, available_cpus
from training.datasets.pictures_ray import TRAIN, from_torch, streamed
from training.image.data import Loaded, load
from training.image.evaluation import Evaluated, golden_answers
from training.image.worker import state_from, state_of, train_loop
from training.results import publishing, tracking
from training.runs import fitting, lone_worker, progress, ray_session
from training.runs.config import TrainImages
from training.runs.errors import ConfigError, UnreadablePictureError, full_disk_as_data_error
from training.runs.progress import REGISTERING, Epoch, Listener

WORKER_RESTARTS = 2


@full_disk_as_data_error()
def train(
    spec: ModelSpec,
    config: TrainImages,
    settings: Settings,
    listener: Listener | None = None,
    run_name: str | None = None,
) -> tuple[str, Path, dict[str, float]]:
    """Run all stages; returns the new version, its folder and its metrics. Raises TrainingError.

    Reports progress to ``listener``. Resumes an interrupted run of the same ``run_name``.
    """
    started = time.time()
    listener, run_name = listener or Listener(), run_name or fitting.new_run_name()
    listener.stage("reading the images")
    registry = publishing.open_registry(settings)
    ray_session.connect(settings)
    loaded = load(spec, settings, config)
    config = config.placed(spec, ray_session.gpus() > 0, loaded.train_count)
    network_config = loaded.network(config)
    with tracking.run(registry.client, spec.name, f"train {config.preset} {config.net}") as run:
        run.params(config.model_dump() | {"network": network_config})
        run.tags(
            {
                "data.source": loaded.splits.source,
                "data.fingerprint": loaded.splits.fingerprint(),
                "command": publishing.command_line(),
            }
        )
        listener.stage("training")
        state, history = fit(config, settings, loaded, run, listener, run_name)
        print("Evaluating on validation and test images", flush=True)
        listener.stage("evaluating")
        network = build(network_config)
        network.load_state_dict(state)
        evaluated = Evaluated(network, loaded, history)
        evaluated.log(run)
        meta = _metadata(config, loaded, network_config, evaluated, started)
        listener.stage(REGISTERING)
        model = ImageModel(network, meta)
        version, folder = publishing.publish(
            settings, registry, run.run_id, meta, evaluated.figures, model.save, golden_answers(model)
        )
        fitting.forget(settings, spec.name, run_name)
    return version, folder, meta.metrics


def fit(
    config: TrainImages,
    settings: Settings,
    loaded: Loaded,
    run: tracking.Run | None = None,
    listener: Listener | None = None,
    run_name: str | None = None,
) -> tuple[dict[str, torch.Tensor], dict[int, Epoch]]:
    """Train on the cluster; returns the weights of the last epoch and the figures of every epoch.

    Raises TrainingError. Every GPU of the cluster gets a worker, unless ``num_workers`` is set.
    """

    def on_epoch(number: int, figures: Epoch) -> None:
        if run is not None:
            run.metrics(figures, step=number)

    gpus = ray_session.gpus()
    config = config.placed(loaded.spec, gpus > 0, loaded.train_count)
    workers = config.num_workers or gpus or 1
    if workers > loaded.train_count:
        raise ConfigError(f"num_workers: {workers} workers cannot share {loaded.train_count} images; use fewer.")
    scaling = fitting.scaling_config(settings, workers, gpu=gpus > 0)
    run_config = fitting.run_config(settings, loaded.spec.name, run_name or fitting.new_run_name())
    setup = loaded.setup(config) | {"threads": max(1, available_cpus() // workers)}
    title = f"{config.net}, {config.chosen(loaded.spec).epochs} epochs"
    with progress.shown(title, on_epoch, listener or Listener()) as board:
        setup, datasets = setup | {"board": board}, _datasets(config, loaded)
        try:
            if workers == 1:
                state = _alone(setup, datasets, fitting.lone_worker_options(settings, scaling), run_config)
            else:
                state = _together(setup, datasets, scaling, run_config)
        except UnreadablePictureError as error:
            raise loaded.stored.unreadable(error.index) from None
    return state["network"], state["history"]


def _together(setup: dict[str, Any], datasets: dict[str, Any] | None, scaling: Any, run_config: Any) -> dict[str, Any]:
    """Train with several workers; returns the last state of rank 0."""
    from ray.train.torch import TorchTrainer

    trainer = TorchTrainer(
        train_loop,
        train_loop_config=setup | {"kept": None},
        datasets=datasets,
        scaling_config=scaling,
        run_config=run_config,
    )
    return state_of(fitting.fit(trainer.fit, WORKER_RESTARTS).checkpoint)


def _alone(
    setup: dict[str, Any], datasets: dict[str, Any] | None, options: dict[str, Any], run_config: Any
) -> dict[str, Any]:
    """Train with one worker; returns its last state."""
    setup = setup | {"kept": lone_worker.Kept.of(run_config)}
    attempt = partial(lone_worker.fit, train_loop, setup, datasets, options)
    return state_from(fitting.fit(attempt, WORKER_RESTARTS))


def _datasets(config: TrainImages, loaded: Loaded) -> dict[str, Any] | None:
    """What Ray Train shares out among its workers; nothing where each takes slices of the images in memory."""
    if config.loader == "memory":
        return None
    return {TRAIN: (streamed if config.loader == "stream" else from_torch)(loaded.stored)}


def _metadata(
    config: TrainImages, loaded: Loaded, network_config: dict[str, Any], evaluated: Evaluated, started: float
) -> checkpoint.Metadata:
    splits, copies = loaded.splits, loaded.originals
    return publishing.metadata(
        spec=loaded.spec,
        labels=splits.labels,
        config=network_config,
        preprocessor=loaded.preprocessor,
        decision=evaluated.decision,
        metrics=evaluated.metrics,
        data={
            "source": splits.source,
            "fingerprint": splits.fingerprint(),
            "rows": {"train": loaded.train_count, "validation": len(splits.validation), "test": len(splits.test)},
            "originals": 0 if copies is None else len(copies.train[1]),
            "corrections": loaded.corrections,
            "mirrored": loaded.flip,
            **splits.noted.recorded(),
        },
        job=config,
        seed=config.seed,
        started=started,
        packages=("torch", "ray", "numpy", "pillow"),
    )
