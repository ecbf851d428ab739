"""The training recipe of the image networks: augmentation, optimiser, schedule, one step.

After Keller Jordan's airbench ("94% on CIFAR-10 in 3.29 Seconds on a Single GPU",
arXiv:2404.00498, and its Muon variant): alternating flip, translation, label smoothing,
cutout, linear decay, Muon for the filters. Our own additions: pixel noise and outlier exposure.
Plain PyTorch, independent of Ray.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.image.networks import AirNet
from models.image.preprocessing import normalise
from training.image.outliers import draw
from training.runs.errors import DivergedError

MUON_LR = 0.24
# The rates of a body that has learned already, as a factor: it keeps more of what it knows.
TUNED = 0.3
LABEL_SMOOTHING = 0.2
NOISY_SHARE, NOISE_MAX = 0.15, 20.0
OUTLIER_SHARE, OUTLIER_BANK, OUTLIER_BYTES = 0.02, 8_000, 128 * 1024**2
MAX_EPOCHS = 1_000
FETCHED_AT_ONCE = 50


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalised updates, for convolution filters of any shape (n, …).

    Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).
    Filters are kept at a fixed norm, as in airbench. ``bf16``: orthogonalise in that precision.
    """

    def __init__(self, params: list[nn.Parameter], lr: float, momentum: float = 0.6, bf16: bool = False) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self._dtype = torch.bfloat16 if bf16 else torch.float32

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # noqa: ARG002 - torch's signature
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p.grad))
                buffer.mul_(group["momentum"]).add_(p.grad)
                update = p.grad.add(buffer, alpha=group["momentum"])
                p.mul_(len(p) ** 0.5 / p.norm())
                direction = _orthogonalise(update.reshape(len(p), -1).to(self._dtype))
                p.add_(direction.to(p.dtype).view_as(p), alpha=-group["lr"])


def _orthogonalise(matrix: Tensor, steps: int = 3, eps: float = 1e-7) -> Tensor:
    """An approximation of the nearest semi-orthogonal matrix, by a quintic Newton–Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm() + eps)
    tall = x.size(0) > x.size(1)
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def optimisers(
    network: nn.Module, batch_size: int, factor: float, bf16: bool = False, body: float = 1.0
) -> list[torch.optim.Optimizer]:
    """Muon for filters and SGD for the rest; every group stores its peak rate as ``peak``.

    ``body`` is a further factor on the rates of everything but the head.
    """
    filters = [p for p in network.parameters() if p.ndim == 4 and p.requires_grad]
    rest = [p for p in network.parameters() if p.ndim != 4 and p.requires_grad]
    if not any(isinstance(m, AirNet) for m in network.modules()):
        chosen = [
            torch.optim.SGD(network.parameters(), lr=0.02 * factor, momentum=0.9, nesterov=True, weight_decay=5e-4)
        ]
    else:
        heads = [p for p in rest if p.ndim == 2]
        biases = [p for p in rest if p.ndim == 1]
        # airbench's rates are for sums over a batch; for means they are multiplied by the batch size.
        groups = [
            {"params": heads, "lr": 0.67 * batch_size * factor},
            {"params": biases, "lr": 0.053 * batch_size * factor * body},
        ]
        decay = 2e-6 * 2000
        for group in groups:
            group["weight_decay"] = decay / group["lr"]
        chosen = [
            Muon(filters, lr=MUON_LR * factor * body * (batch_size / 2000) ** 0.5, bf16=bf16),
            torch.optim.SGD(groups, momentum=0.85, nesterov=True),
        ]
    for optimiser in chosen:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return chosen


def set_learning_rate(chosen: list[torch.optim.Optimizer], done: float) -> None:
    """Linear decay; ``done`` is the completed share of the run, 0..1."""
    for optimiser in chosen:
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * (1 - done)


class Augmenter:
    """Augments uint8 training images into the network's input for one step, on the images' device.

    ``translate`` and ``cutout`` are pixels, as in ``training.runs.config.ImagePreset``; ``outliers`` is how many
    pictures that are none of the classes to draw from (``outliers_for``), or 0.
    """

    def __init__(
        self,
        preprocessor: dict[str, Any],
        classes: int,
        seed: int,
        outliers: int,
        device: torch.device,
        translate: int = 2,
        cutout: int = 0,
    ) -> None:
        self._preprocessor, self._classes, self._seed, self._device = preprocessor, classes, seed, device
        self._reach, self._cutout = translate, cutout
        self._outliers = _bank(seed, outliers, preprocessor["size"]).to(device) if outliers else None
        self._chance = torch.Generator(device)
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Reset the random generator to a state that depends only on the seed and the epoch."""
        self._chance.manual_seed(self._seed * MAX_EPOCHS + epoch)

    def __call__(self, images: Tensor, labels: Tensor, flip: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (n, h, w, 3), int64 (n,), bool (n,) → float (m, 3, h, w), target rows (m, classes)."""
        targets = F.one_hot(labels, self._classes).float()
        targets = targets * (1 - LABEL_SMOOTHING) + LABEL_SMOOTHING / self._classes
        images = self._translate(torch.where(flip.to(self._device)[:, None, None, None], images.flip(2), images))
        if self._outliers is not None:
            count = max(1, round(OUTLIER_SHARE * len(images)))
            images = torch.cat((images, self._outliers[self._draw(len(self._outliers), (count,))]))
            targets = torch.cat((targets, torch.full((count, self._classes), 1 / self._classes, device=self._device)))
        pixels = self._noise(normalise(images, self._preprocessor))
        return self._cut(pixels, len(labels)), targets

    def _draw(self, end: int, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(end, shape, generator=self._chance, device=self._device)

    def _translate(self, images: Tensor) -> Tensor:
        """Each image moved; at the edges it continues as its mirror image."""
        n, height, width, channels = images.shape
        padded = F.pad(images.permute(0, 3, 1, 2).float(), (self._reach,) * 4, mode="reflect").to(torch.uint8)
        padded = padded.permute(0, 2, 3, 1).reshape(n, height + 2 * self._reach, -1)
        down, right = self._draw(2 * self._reach + 1, (2, n))
        rows = down[:, None] + torch.arange(height, device=self._device)
        columns = channels * right[:, None] + torch.arange(channels * width, device=self._device)
        picked = padded[torch.arange(n, device=self._device)[:, None], rows]
        return picked.gather(2, columns[:, None].expand(n, height, -1)).view(n, height, width, channels)

    def _noise(self, pixels: Tensor) -> Tensor:
        count = round(NOISY_SHARE * len(pixels))
        on = {"generator": self._chance, "device": self._device}
        strongest = NOISE_MAX / 255 / min(self._preprocessor["std"])
        chosen = torch.randperm(len(pixels), **on)[:count]
        strength = strongest * torch.rand(count, 1, 1, 1, **on)
        pixels[chosen] += strength * torch.randn(count, *pixels.shape[1:], **on)
        return pixels

    def _cut(self, pixels: Tensor, count: int) -> Tensor:
        """Set a square, entirely inside the image, to the mean colour in each of the first ``count`` images."""
        if not self._cutout:
            return pixels
        height, width = pixels.shape[2:]
        top, left = self._draw(height - self._cutout + 1, (count,)), self._draw(width - self._cutout + 1, (count,))
        rows = torch.arange(height, device=self._device) - top[:, None]
        columns = torch.arange(width, device=self._device) - left[:, None]
        inside = ((rows >= 0) & (rows < self._cutout))[:, None, :, None]
        inside = inside & ((columns >= 0) & (columns < self._cutout))[:, None, None, :]
        pixels[:count].masked_fill_(inside, 0)
        return pixels


def outliers_for(images: int, size: int) -> int:
    """The number of outliers to draw from in a training on this many images; a thousand take most of a second."""
    thousands = math.ceil(OUTLIER_SHARE * images / 1000)
    return min(OUTLIER_BANK, 1000 * thousands, OUTLIER_BYTES // (3 * size**2))


@lru_cache(maxsize=1)
def _bank(seed: int, count: int, size: int) -> Tensor:
    """Outliers to draw from; the trials of a study share a process and a seed."""
    # Twice the seed and one: those that a version is measured by have even seeds.
    return torch.from_numpy(draw(count, 2 * seed + 1, size))


def flips(index: np.ndarray, epoch: int, seed: int) -> Tensor:
    """Alternating flip: each image is mirrored in every second epoch, with a random start."""
    start = (index * 2654435761 + seed * 40503) >> 7 & 1
    return torch.from_numpy((start + epoch) % 2 == 1)


class Losses:
    """The losses of an epoch that begins with step ``first`` of the run.

    Fetched from a GPU in groups: fetching a loss waits until its step is done, and leaves the GPU's queue empty.
    """

    def __init__(self, first: int, on_gpu: bool) -> None:
        self.fetched: list[float] = []
        self._first, self._at_once, self._waiting = first, FETCHED_AT_ONCE if on_gpu else 1, []

    def add(self, loss: Tensor, chosen: list[torch.optim.Optimizer]) -> None:
        """Add the loss of the next step of the optimisers ``chosen``. Raises DivergedError when one is not finite."""
        self._waiting.append((loss, chosen[0].param_groups[0]["lr"]))
        if len(self._waiting) == self._at_once:
            self.fetch()

    def fetch(self) -> None:
        """Fetch the waiting losses. Raises DivergedError for the first that is not finite."""
        if not self._waiting:
            return
        values = torch.stack([loss for loss, _ in self._waiting]).tolist()
        for value, (_, rate) in zip(values, self._waiting, strict=True):
            if not math.isfinite(value):
                raise DivergedError(
                    f"The loss became {value} at step {self._first + len(self.fetched)} with learning rate "
                    f"{rate:.4g}; try a smaller --learning-rate."
                )
            self.fetched.append(value)
        self._waiting.clear()


def train_step(
    network: nn.Module,
    chosen: list[torch.optim.Optimizer],
    pixels: Tensor,
    targets: Tensor,
    bf16: bool,
    losses: Losses,
) -> None:
    """Make one update and add its mean loss to ``losses``. Raises DivergedError."""
    with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=bf16):
        logits = network(pixels)
    loss = F.cross_entropy(logits.float(), targets)
    losses.add(loss.detach(), chosen)
    for optimiser in chosen:
        optimiser.zero_grad(set_to_none=True)
    loss.backward()
    for optimiser in chosen:
        optimiser.step()
