"""The training loop of a Ray Train worker for an image network: its share of the images, reports, recovery.

``training.image.train`` starts it; it lives in a module of its own so that Ray ships its name, not its code.
Several workers leave their state with Ray Train, one alone in ``kept`` (``training.runs.lone_worker``).
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.train
import torch
from ray.train.torch import get_device, prepare_model

from training.datasets.pictures_ray import TRAIN
from training.image.learner import Learner
from training.image.loaders import Loader, MemoryLoader, ShardLoader
from training.runs.lone_worker import Kept
from training.runs.progress import Epoch
from training.runs.ray_session import give_way

STATE = "training.pt"
# Each push takes processor time from a training on all cores.
PUSH_EVERY_S = 1.0


def train_loop(config: dict[str, Any]) -> None:
    """The loop of each Ray Train worker; rank 0 reports and pushes progress."""
    give_way()
    torch.set_num_threads(config["threads"])
    context = ray.train.get_context()
    rank, world, device = context.get_world_rank(), context.get_world_size(), get_device()
    learner = make_learner(config, device, rank, world)
    history = _resume(learner, config["kept"])
    # The learner shares statistics once per epoch, instead of a broadcast at each step.
    learner.parallel = prepare_model(learner.network, parallel_strategy_kwargs={"broadcast_buffers": False})
    if rank == 0:
        # A resumed job has a new board, without the earlier epochs.
        ray.get([config["board"].epoch.remote(*past) for past in history.items()])
    pushed, accuracy = 0.0, {}

    def push(step: int, rate: float, losses: list[float]) -> None:
        nonlocal pushed
        if rank == 0 and time.time() - pushed > PUSH_EVERY_S:
            pushed = time.time()
            loss = {"loss": f"{np.mean(losses[-20:]):.3f}"} if losses else {}
            note = {"images/s": f"{rate * world:.0f}", **loss, **accuracy}
            config["board"].step.remote(step + 1, learner.epochs * learner.steps, note)

    for epoch in range(len(history), learner.epochs):
        figures = learner.epoch(epoch, push)
        figures["images_per_s"] *= world
        figures |= learner.validate()
        if rank == 0:
            accuracy = {"accuracy": f"{figures['validation_accuracy']:.3f}"}
            config["board"].step.remote((epoch + 1) * learner.steps, learner.epochs * learner.steps, accuracy)
            ray.get(config["board"].epoch.remote(epoch, figures))
        history[epoch] = figures
        _report(history, learner, epoch, rank, config["kept"])


def make_learner(config: dict[str, Any], device: torch.device, rank: int = 0, world: int = 1) -> Learner:
    """The learner of a setup that ``training.image.data.Loaded.setup`` made, with this worker's share of the images."""
    job = config["job"]
    if job["loader"] == "memory":
        images = (ray.get(ref) for ref in config["images"])
        loader: Loader = MemoryLoader(*images, job["batch_size"], job["seed"], rank, world, device)
    else:
        shard = ray.train.get_dataset_shard(TRAIN)
        loader = ShardLoader(shard, config["count"], job["batch_size"], job["seed"], world, device)
    validation = tuple(ray.get(ref) for ref in config["validation"])
    return Learner(config, loader, ray.get(config["sample"]), validation, device, rank, world)


def _report(history: dict[int, Epoch], learner: Learner, epoch: int, rank: int, kept: Kept | None) -> None:
    if rank != 0:
        ray.train.report(history[epoch])
        return
    # Written by Python, because torch's error for a full disk does not mention the disk.
    state = io.BytesIO()
    torch.save(learner.state() | {"history": history}, state)
    if kept is not None:
        kept.write(state.getbuffer())
        ray.train.report(history[epoch])
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, STATE).write_bytes(state.getbuffer())
        ray.train.report(history[epoch], checkpoint=ray.train.Checkpoint.from_directory(folder))


def _resume(learner: Learner, kept: Kept | None) -> dict[int, Epoch]:
    """Continue from the last report of an interrupted run; returns the figures of its epochs."""
    state = _last_state(kept)
    if state is None:
        return {}
    learner.restore(state)
    return state["history"]


def _last_state(kept: Kept | None) -> dict[str, Any] | None:
    if kept is not None:
        content = kept.read()
        return None if content is None else state_from(content)
    saved = ray.train.get_checkpoint()
    return None if saved is None else state_of(saved)


def state_of(saved: ray.train.Checkpoint) -> dict[str, Any]:
    """The state that one of several workers saved with Ray Train: the learner's, and its epochs under "history"."""
    with saved.as_directory() as folder:
        return state_from(Path(folder, STATE).read_bytes())


def state_from(content: bytes) -> dict[str, Any]:
    """The same state from the bytes of a file."""
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
