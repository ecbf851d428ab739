"""What one Ray Train worker does to train an image network: the loop, its report, its recovery.

``training.cifar10`` starts it; it lives in a module of its own so that Ray ships its name, not its code.
"""

from __future__ import annotations

import tempfile
import time
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
    job, epochs = config["job"], config["epochs"]
    rank, world = ray.train.get_context().get_world_rank(), ray.train.get_context().get_world_size()
    images, labels = (torch.from_numpy(np.array(ray.get(ref))) for ref in config["images"]["train"])
    validation = tuple(ray.get(ref) for ref in config["images"]["validation"])
    torch.manual_seed(job["seed"])
    network = build(config["network"]).to(memory_format=torch.channels_last)
    if hasattr(network, "init_whiten"):
        network.init_whiten(normalise(images[:WHITENING_IMAGES], config["preprocessor"]))
    chosen = recipe.optimisers(network, job["batch_size"], job["learning_rate"])
    first_epoch = _resume(network, chosen)
    device = get_device()
    parallel = prepare_model(network)
    augment = recipe.Augmenter.make(
        config["preprocessor"],
        config["network"]["num_classes"],
        seed=job["seed"] * 1000 + rank,
        outliers=job["net"] != "lenet",
    )
    bf16 = _has_bf16(device)
    steps = len(list(recipe.batches(len(labels), job["batch_size"], 0, job["seed"], rank, world)))
    for epoch in range(first_epoch, epochs):
        parallel.train()
        losses, pushed, began = [], 0.0, time.time()
        for i, index in enumerate(recipe.batches(len(labels), job["batch_size"], epoch, job["seed"], rank, world)):
            step = epoch * steps + i
            recipe.set_learning_rate(chosen, step / (epochs * steps))
            pixels, targets = augment(images[index], labels[index], recipe.flips(index, epoch, job["seed"]))
            pixels, targets = pixels.to(device, memory_format=torch.channels_last), targets.to(device)
            losses.append(recipe.train_step(parallel, chosen, pixels, targets, bf16, step))
            if rank == 0 and time.time() - pushed > PUSH_EVERY_S:
                pushed = time.time()
                rate = (i + 1) * job["batch_size"] / (time.time() - began)
                note = {"images/s": f"{rate:.0f}", "loss": f"{np.mean(losses[-20:]):.3f}"}
                config["board"].step.remote(step + 1, epochs * steps, note)
        seconds = time.time() - began
        figures = {"train_loss": float(np.mean(losses)), "images_per_s": len(losses) * job["batch_size"] / seconds}
        if rank == 0:
            figures |= _validate(network, validation, config["preprocessor"], device)
            config["board"].step.remote((epoch + 1) * steps, epochs * steps, {})
            ray.get(config["board"].epoch.remote(epoch, figures))
        _report(figures, network, chosen, epoch, rank)


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


def _validate(
    network: torch.nn.Module,
    validation: tuple[np.ndarray, np.ndarray],
    preprocessor: dict[str, Any],
    device: torch.device,
) -> dict[str, float]:
    images, labels = validation
    logits = logits_of(network, images, preprocessor, device)
    return {
        "validation_accuracy": float((logits.argmax(1) == labels).mean()),
        "validation_loss": mean_log_loss(softmax(logits), labels),
    }
