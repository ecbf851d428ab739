"""Train the image model: Ray Data decodes, Ray Train's TorchTrainer trains, MLflow remembers.

    python -m training.cifar10 --preset quick
    python -m training.cifar10 --net lenet --epochs 10 --num-workers 2

Stages: load → decode (once, into the object store) → fit → evaluate → publish a version.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models import checkpoint
from models import cifar10 as model_module
from models.cifar10 import Cifar10Model, softmax
from models.networks import build
from models.preprocessing import fit_preprocessor
from models.registry import Registry
from settings import Settings, available_cpus, get_settings
from training import corrections, evaluation, fitting, outliers, progress, publishing, ray_session, tracking
from training.cifar10_worker import logits_of, train_loop
from training.config import TrainCifar10, from_command_line
from training.datasets import cifar10 as dataset
from training.errors import TrainingError
from training.progress import REGISTERING, Listener

GOLDEN_SEED, GOLDEN_DRAWN = 10_000_000, 512
UNSURE_CHECK_SEED = 20_000_000
UNSURE_CHECK_PICTURES = 500
WORKER_RESTARTS = 2
# uint8 (n, 32, 32, 3) and labels int64 (n,) by split.
Images = dict[str, tuple[np.ndarray, np.ndarray]]


def train(
    config: TrainCifar10, settings: Settings, listener: Listener | None = None, run_name: str | None = None
) -> tuple[str, Path, dict[str, float]]:
    """Run all stages; returns the new version, its folder and its metrics. Raises TrainingError.

    ``listener`` is told where it is. A run of the same ``run_name`` that was cut off is gone on with.
    """
    started = time.time()
    listener = listener or Listener()
    listener.stage("reading the images")
    ray_session.connect(settings)
    registry = Registry(settings)
    loaded = load(settings, config)
    splits, images, preprocessor = loaded.splits, loaded.images, loaded.preprocessor
    network_config = config_of_network(config, len(splits.labels))
    with tracking.run(registry.client, model_module.NAME, f"train {config.preset} {config.net}") as run:
        run.params(config.model_dump() | {"network": network_config})
        run.tags(
            {
                "data.source": splits.source,
                "data.fingerprint": splits.fingerprint(),
                "command": publishing.command_line(),
            }
        )
        listener.stage("training")
        state, history = _fit(config, settings, network_config, preprocessor, images, run, listener, run_name)
        print("Evaluating on validation and test images", flush=True)
        listener.stage("evaluating")
        network = build(network_config)
        network.load_state_dict(state)
        meta, figures = _evaluate(config, network, network_config, preprocessor, splits, images, history, started)
        meta.data["corrections"] = loaded.corrections
        _log_figures(run, figures, history)
        run.metrics(meta.metrics, step=len(history))
        listener.stage(REGISTERING)
        model = Cifar10Model(network, meta)
        version, folder = publishing.publish(
            settings, registry, run.run_id, meta, figures, model.save, golden_answers(model)
        )
    return version, folder, meta.metrics


@dataclass(frozen=True)
class Loaded:
    """The data as a training takes it: training images as its configuration wants them, what was fitted on them."""

    splits: dataset.Splits
    images: Images
    preprocessor: dict[str, Any]
    corrections: int


def load(settings: Settings, config: TrainCifar10) -> Loaded:
    """Read and decode the data. Raises DataError."""
    splits = dataset.load(settings)
    train_pictures = splits.train
    if config.max_images is not None:
        train_pictures = train_pictures.take(np.arange(min(config.max_images, len(train_pictures))))
    print(
        f"{splits.source}: {len(train_pictures):,} training, {len(splits.validation):,} validation, "
        f"{len(splits.test):,} test images; decoding",
        flush=True,
    )
    images: Images = {
        "train": (dataset.decode_with_ray(train_pictures), train_pictures.labels),
        "validation": (dataset.decode_with_ray(splits.validation), splits.validation.labels),
        "test": (dataset.decode_with_ray(splits.test), splits.test.labels),
    }
    corrected = _add_corrections(config, settings, splits.labels, images) if config.use_corrections else 0
    return Loaded(splits, images, fit_preprocessor(images["train"][0]), corrected)


def _add_corrections(config: TrainCifar10, settings: Settings, labels: list[str], images: Images) -> int:
    """Put corrected pictures among the training images, each as often as its weight says; returns how many."""
    held_out = [images["validation"][0], images["test"][0]]
    pixels, targets = corrections.training_pictures(settings, labels, held_out)
    pictures, known = images["train"]
    weight = config.correction_weight
    images["train"] = (
        np.concatenate((pictures, np.repeat(pixels, weight, axis=0))),
        np.concatenate((known, np.repeat(targets, weight))),
    )
    print(f"{len(targets)} corrections, each as {weight} images", flush=True)
    return len(targets)


def config_of_network(config: TrainCifar10, classes: int) -> dict[str, Any]:
    """What ``models.networks.build`` takes."""
    if config.net == "lenet":
        return {"net": "lenet", "num_classes": classes}
    return {"net": "airnet", "num_classes": classes, "widths": list(config.chosen.widths)}


def _fit(
    config: TrainCifar10,
    settings: Settings,
    network_config: dict[str, Any],
    preprocessor: dict[str, Any],
    images: Images,
    run: tracking.Run,
    listener: Listener,
    run_name: str | None,
) -> tuple[dict[str, torch.Tensor], dict[int, dict[str, float]]]:
    """Train on the cluster; returns the weights of the last epoch and the figures of every epoch."""
    import ray
    from ray.train.torch import TorchTrainer

    history: dict[int, dict[str, float]] = {}

    def on_epoch(number: int, figures: dict[str, float]) -> None:
        history[number] = figures
        run.metrics(figures, step=number)

    gpu = bool(ray.cluster_resources().get("GPU"))
    with progress.shown(f"{config.net}, {config.chosen.epochs} epochs", on_epoch, listener) as board:
        trainer = TorchTrainer(
            train_loop,
            train_loop_config={
                "job": config.model_dump(),
                "epochs": config.chosen.epochs,
                "network": network_config,
                "preprocessor": preprocessor,
                "images": {split: [ray.put(part) for part in images[split]] for split in ("train", "validation")},
                "threads": max(1, available_cpus() // config.num_workers),
                "board": board,
            },
            scaling_config=fitting.scaling_config(settings, config.num_workers, gpu),
            run_config=fitting.run_config(settings, model_module.NAME, WORKER_RESTARTS, run_name),
        )
        result = fitting.fit(trainer)
    with result.checkpoint.as_directory() as folder:
        saved = torch.load(Path(folder) / "training.pt", map_location="cpu", weights_only=True)
    return saved["network"], history


def _evaluate(
    config: TrainCifar10,
    network: torch.nn.Module,
    network_config: dict[str, Any],
    preprocessor: dict[str, Any],
    splits: dataset.Splits,
    images: Images,
    history: dict[int, dict[str, float]],
    started: float,
) -> tuple[checkpoint.Metadata, dict[str, Any]]:
    """Calibrate and set the unsure rule on validation, then measure the test images once."""
    torch.set_num_threads(available_cpus())
    cpu = torch.device("cpu")
    network.to(memory_format=torch.channels_last)
    validation_images, validation_labels = images["validation"]
    logits = logits_of(network, validation_images, preprocessor, cpu)
    temperature = evaluation.fit_temperature(logits, validation_labels)
    validation = softmax(logits / temperature)
    threshold = evaluation.unsure_below(validation)
    test_images, test_labels = images["test"]
    test = softmax(logits_of(network, test_images, preprocessor, cpu) / temperature)
    strange = outliers.draw(UNSURE_CHECK_PICTURES, UNSURE_CHECK_SEED)
    strange_answers = softmax(logits_of(network, strange, preprocessor, cpu) / temperature)
    figures = {
        "validation": evaluation.multiclass_figures(validation, validation_labels, splits.labels),
        "test": evaluation.multiclass_figures(test, test_labels, splits.labels),
        "unsure": {
            "below": threshold,
            "validation_share": float((validation.max(1) < threshold).mean()),
            "test_share": float((test.max(1) < threshold).mean()),
            "none_of_the_classes_share": float((strange_answers.max(1) < threshold).mean()),
        },
        "history": {str(epoch): values for epoch, values in history.items()},
    }
    metrics = {
        "validation_accuracy": figures["validation"]["accuracy"],
        "validation_log_loss": figures["validation"]["log_loss"],
        "test_accuracy": figures["test"]["accuracy"],
        "test_log_loss": figures["test"]["log_loss"],
    }
    meta = publishing.metadata(
        model=model_module.NAME,
        labels=splits.labels,
        config=network_config,
        preprocessor=preprocessor,
        decision={"temperature": temperature, "unsure_below": threshold},
        metrics=metrics,
        data={
            "source": splits.source,
            "fingerprint": splits.fingerprint(),
            "rows": {"train": len(images["train"][1]), "validation": len(splits.validation), "test": len(splits.test)},
        },
        job=config,
        seed=config.seed,
        started=started,
        packages=("torch", "ray", "numpy", "pillow"),
    )
    return meta, figures


def golden_answers(model: Cifar10Model) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs to check a loaded model by: the drawn pictures it is surest about.

    Drawn, not taken from the data set: a checkpoint may go where the images may not.
    """
    drawn = outliers.draw(GOLDEN_DRAWN, GOLDEN_SEED)
    answers = model.predict(drawn)
    surest = np.argsort(-answers.max(1))[: publishing.GOLDEN_ROWS]
    return drawn[surest], model.predict(drawn[surest])


def _log_figures(run: tracking.Run, figures: dict[str, Any], history: dict[int, dict[str, float]]) -> None:
    run.figure(tracking.curves_figure(history, "By epoch"), "curves")
    run.figure(tracking.confusion_figure(figures["validation"]["confusion"], "Validation images"), "confusion")
    run.figure(tracking.calibration_figure(figures["validation"]["calibration"], "Validation images"), "calibration")
    by_class = figures["validation"]["accuracy_by_class"]
    run.table({"class": list(by_class), "accuracy": list(by_class.values())}, "accuracy_by_class")


def main() -> int:
    """Command line; returns the exit status."""
    try:
        config = from_command_line(TrainCifar10)
        version, folder, metrics = train(config, get_settings())
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"\ncifar10 version {version} in {folder}")
    print("  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
