"""What one Ray Train worker does to train an image network: the loop, its report, its recovery.

``training.cifar10`` starts it; it lives in a module of its own so that Ray ships its name, not its code.
The trials of a study learn with the same ``Learner``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.train
import torch
from ray.train.torch import get_device, prepare_model

from models.backends import has_fast_bf16
from models.cifar10 import softmax
from models.networks import build
from models.preprocessing import normalise
from training import cifar10_recipe as recipe
from training.evaluation import mean_log_loss
from training.ray_session import give_way

EVALUATION_BATCH = 500
WHITENING_IMAGES = 5_000
PUSH_EVERY_S = 0.5


def train_loop(config: dict[str, Any]) -> None:
    """What each Ray Train worker runs; rank 0 validates, reports and pushes progress."""
    give_way()
    torch.set_num_threads(config["threads"])
    rank, world = ray.train.get_context().get_world_rank(), ray.train.get_context().get_world_size()
    learner = Learner(config, get_device(), rank, world)
    first_epoch = _resume(learner.network, learner.optimisers)
    learner.parallel = prepare_model(learner.network)
    pushed = 0.0

    def push(step: int, rate: float, losses: list[float]) -> None:
        nonlocal pushed
        if rank == 0 and time.time() - pushed > PUSH_EVERY_S:
            pushed = time.time()
            note = {"images/s": f"{rate:.0f}", "loss": f"{np.mean(losses[-20:]):.3f}"}
            config["board"].step.remote(step + 1, learner.epochs * learner.steps, note)

    for epoch in range(first_epoch, learner.epochs):
        figures = learner.epoch(epoch, push)
        if rank == 0:
            figures |= learner.validate()
            config["board"].step.remote((epoch + 1) * learner.steps, learner.epochs * learner.steps, {})
            ray.get(config["board"].epoch.remote(epoch, figures))
        _report(figures, learner.network, learner.optimisers, epoch, rank)


class Learner:
    """A network, its share of the images and how it learns from them, one epoch after the other.

    ``config`` holds ``job`` (a TrainCifar10 as a dictionary), ``epochs``, ``network``, ``preprocessor`` and
    ``images``: for "train" and "validation" the references of pixels and labels in the object store.
    """

    def __init__(self, config: dict[str, Any], device: torch.device, rank: int = 0, world: int = 1) -> None:
        self._job, self.epochs = config["job"], config["epochs"]
        self._preprocessor, self._device, self._rank, self._world = config["preprocessor"], device, rank, world
        self._images, self._labels = (torch.from_numpy(np.array(ray.get(ref))) for ref in config["images"]["train"])
        self._validation = tuple(ray.get(ref) for ref in config["images"]["validation"])
        torch.manual_seed(self._job["seed"])
        self.network = build(config["network"]).to(memory_format=torch.channels_last)
        if hasattr(self.network, "init_whiten"):
            self.network.init_whiten(normalise(self._images[:WHITENING_IMAGES], self._preprocessor))
        self.parallel: torch.nn.Module = self.network
        self.optimisers = recipe.optimisers(self.network, self._job["batch_size"], self._job["learning_rate"])
        self._augment = recipe.Augmenter.make(
            self._preprocessor,
            config["network"]["num_classes"],
            seed=self._job["seed"] * 1000 + rank,
            outliers=self._job["net"] != "lenet",
        )
        self._bf16 = _has_bf16(device)
        self.steps = len(list(self._batches(0)))

    def _batches(self, epoch: int) -> Iterator[np.ndarray]:
        job = self._job
        return recipe.batches(len(self._labels), job["batch_size"], epoch, job["seed"], self._rank, self._world)

    def epoch(self, epoch: int, on_step: Callable[[int, float, list[float]], None] | None = None) -> dict[str, float]:
        """Learn from each image once; returns the figures. Raises DivergedError.

        ``on_step`` is told the step of the whole run, images a second and the losses of this epoch.
        """
        job = self._job
        self.parallel.train()
        losses, began = [], time.time()
        for i, index in enumerate(self._batches(epoch)):
            step = epoch * self.steps + i
            recipe.set_learning_rate(self.optimisers, step / (self.epochs * self.steps))
            flips = recipe.flips(index, epoch, job["seed"])
            pixels, targets = self._augment(self._images[index], self._labels[index], flips)
            pixels = pixels.to(self._device, memory_format=torch.channels_last)
            targets = targets.to(self._device)
            losses.append(recipe.train_step(self.parallel, self.optimisers, pixels, targets, self._bf16, step))
            if on_step is not None:
                on_step(step, (i + 1) * job["batch_size"] / (time.time() - began), losses)
        seconds = time.time() - began
        return {"train_loss": float(np.mean(losses)), "images_per_s": len(losses) * job["batch_size"] / seconds}

    def validate(self) -> dict[str, float]:
        """Accuracy and log loss on the validation images."""
        images, labels = self._validation
        logits = logits_of(self.network, images, self._preprocessor, self._device)
        return {
            "validation_accuracy": float((logits.argmax(1) == labels).mean()),
            "validation_loss": mean_log_loss(softmax(logits), labels),
        }


def _report(
    figures: dict[str, float],
    network: torch.nn.Module,
    chosen: list[torch.optim.Optimizer],
    epoch: int,
    rank: int,
) -> None:
    if rank != 0:
        ray.train.report(figures)
        return
    with tempfile.TemporaryDirectory() as folder:
        state = {
            "network": network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in chosen],
            "epoch": epoch,
        }
        torch.save(state, Path(folder) / "training.pt")
        ray.train.report(figures, checkpoint=ray.train.Checkpoint.from_directory(folder))


def _resume(network: torch.nn.Module, chosen: list[torch.optim.Optimizer]) -> int:
    """Continue from the checkpoint of a worker that died; returns the epoch to start with."""
    saved = ray.train.get_checkpoint()
    if saved is None:
        return 0
    with saved.as_directory() as folder:
        state = torch.load(Path(folder) / "training.pt", map_location="cpu", weights_only=True)
    network.load_state_dict(state["network"])
    for optimiser, kept in zip(chosen, state["optimisers"], strict=True):
        optimiser.load_state_dict(kept)
    return state["epoch"] + 1


def _has_bf16(device: torch.device) -> bool:
    """Whether bf16 is fast on the device that trains."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return has_fast_bf16()


@torch.inference_mode()
def logits_of(
    network: torch.nn.Module, images: np.ndarray, preprocessor: dict[str, Any], device: torch.device
) -> np.ndarray:
    """Scores, float32 (n, classes), of uint8 (n, 32, 32, 3) images, in batches."""
    network.eval()
    parts = []
    for start in range(0, len(images), EVALUATION_BATCH):
        batch = torch.from_numpy(np.array(images[start : start + EVALUATION_BATCH]))
        parts.append(network(normalise(batch, preprocessor).to(device)).float().cpu().numpy())
    return np.concatenate(parts)
