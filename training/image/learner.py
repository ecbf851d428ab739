"""Train a network on its images, epoch by epoch.

Plain PyTorch on one device: Ray Train's workers (``training.image.worker``), the trials of a study
and the benchmarks all use it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from models.image import shipped
from models.image.backends import has_fast_bf16
from models.image.model import parts_of, softmax
from models.image.networks import build
from models.image.preprocessing import normalise
from training.datasets.originals import Labelled
from training.image import recipe
from training.image.loaders import Loader
from training.results.evaluation import mean_log_loss

OnStep = Callable[[int, float, list[float]], None]


class Learner:
    """Trains a network by a ``training.image.data.Loaded.recipe``.

    ``sample``, uint8 (n, size, size, 3), are training images to whiten the first layer by. An epoch depends on
    the seed, its number and the state before it alone: a run that goes on from a kept state ends as one
    that was never cut off, unless its loader shuffles otherwise. Of several that learn together, in torch's
    process group of ``world``, this is number ``rank``.
    """

    def __init__(
        self,
        setup: dict[str, Any],
        loader: Loader,
        sample: np.ndarray,
        validation: Labelled,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._rank, self._world = rank, world
        self._job, self.epochs = setup["job"], setup["epochs"]
        self._preprocessor, self._loader, self._validation = setup["preprocessor"], loader, validation
        self._device, self._bf16 = device, has_bf16(device)
        self.steps = loader.steps
        torch.manual_seed(self._job["seed"])
        self.network = build(setup["network"])
        if setup["start"]:
            shipped.load_body(self.network, setup["start"])
        elif hasattr(self.network, "init_whiten"):
            self.network.init_whiten(normalise(torch.from_numpy(np.array(sample)), self._preprocessor))
        self.network.to(device, memory_format=torch.channels_last)
        # The module of a training step: the network, or a wrapper that shares gradients between workers.
        self.parallel: nn.Module = self.network
        # Of fewer pictures than a batch, a step sees all.
        batch_size = min(self._job["batch_size"], setup["count"])
        self.optimisers = recipe.optimisers(
            self.network, batch_size, self._job["learning_rate"], self._bf16, recipe.TUNED if setup["start"] else 1.0
        )
        self._flips = setup["flip"]
        seen_in_all = self.epochs * self.steps * batch_size
        self._augment = recipe.Augmenter(
            self._preprocessor,
            classes=setup["network"]["num_classes"],
            seed=self._job["seed"] * 1000 + rank,
            outliers=0 if self._job["net"] == "lenet" else recipe.outliers_for(seen_in_all, self._preprocessor["size"]),
            translate=setup["translate"],
            cutout=setup["cutout"],
            device=device,
        )

    def epoch(self, epoch: int, on_step: OnStep | None = None) -> dict[str, float]:
        """Train on each image once; returns the figures. Raises DivergedError.

        ``on_step`` gets the step within the whole run, images a second and this epoch's losses so far.
        """
        self.parallel.train()
        self._augment.begin(epoch)
        losses = recipe.Losses(epoch * self.steps, on_gpu=self._device.type == "cuda")
        began, seen = time.time(), 0
        for i, (images, labels, ids) in enumerate(self._loader.epoch(epoch)):
            step = epoch * self.steps + i
            recipe.set_learning_rate(self.optimisers, step / (self.epochs * self.steps))
            flip = recipe.flips(ids, epoch, self._job["seed"]) if self._flips else torch.zeros(len(ids), dtype=bool)
            pixels, targets = self._augment(images, labels, flip)
            pixels = pixels.to(memory_format=torch.channels_last)
            recipe.train_step(self.parallel, self.optimisers, pixels, targets, self._bf16, losses)
            seen += len(images)
            if on_step is not None:
                on_step(step, seen / (time.time() - began), losses.fetched)
        losses.fetch()
        return {"train_loss": float(np.mean(losses.fetched)), "images_per_s": seen / (time.time() - began)}

    def validate(self) -> dict[str, float]:
        """Accuracy and log loss on the validation images, which workers divide; all get the same figures."""
        self._share_statistics()
        images, labels = (part[self._rank :: self._world] for part in self._validation)
        right, loss = 0, 0.0
        if len(labels):
            logits = logits_of(self.network, images, self._preprocessor, self._device, self._bf16)
            right = int((logits.argmax(1) == labels).sum())
            loss = mean_log_loss(softmax(logits), labels) * len(labels)
        sums = torch.tensor([right, loss], dtype=torch.float64, device=self._device)
        if self._world > 1:
            dist.all_reduce(sums)
        accuracy, mean_loss = (sums / len(self._validation[1])).tolist()
        return {"validation_accuracy": accuracy, "validation_loss": mean_loss}

    def _share_statistics(self) -> None:
        """Average batch norm's running statistics, which each worker collects on its own images, over all workers."""
        if self._world == 1:
            return
        for statistic in filter(torch.is_floating_point, self.network.buffers()):
            dist.all_reduce(statistic)
            statistic /= self._world

    def state(self) -> dict[str, Any]:
        """The state for ``restore``, with the weights under "network"."""
        return {
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from ``state``."""
        self.network.load_state_dict(state["network"])
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 is fast on this device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return has_fast_bf16()


@torch.inference_mode()
def logits_of(
    network: nn.Module, images: np.ndarray, preprocessor: dict[str, Any], device: torch.device, bf16: bool = False
) -> np.ndarray:
    """Scores, float32 (n, classes), of uint8 (n, size, size, 3) images, in batches."""
    network.eval()
    parts = []
    for start, end in parts_of(images):
        batch = torch.from_numpy(np.array(images[start:end])).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            logits = network(normalise(batch, preprocessor))
        parts.append(logits.float().cpu().numpy())
    return np.concatenate(parts)
