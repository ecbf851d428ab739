"""A network of two hidden layers, by PyTorch; several workers learn together with Ray Train's TorchTrainer.

AdamW: Loshchilov, Hutter, arXiv:1711.05101; the learning rate falls along half a cosine.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import nn

from models.table.learners.layers import Layer, Layers
from training.table.learners import History, Problem
from training.table.learners.networks import Epochs, Rows, about, shared, sizes_of

__all__ = ["PACKAGES", "TRAINER", "about", "fit", "shared"]
PACKAGES = ("torch",)
TRAINER = "ray.train.torch:TorchTrainer"
LOSSES = {"binary": nn.BCEWithLogitsLoss, "multiclass": nn.CrossEntropyLoss, "regression": nn.MSELoss}


def fit(problem: Problem) -> tuple[Layers, History]:
    """Train for ``epochs``, or fewer with ``early_stopping``. Raises DivergedError."""
    config, rows = problem.config, Rows.of(problem)
    torch.set_num_threads(problem.threads)
    torch.manual_seed(config.seed)
    network = build(sizes_of(problem, rows.train[0].shape[1]))
    step = _step(problem, network, config.epochs * math.ceil(len(rows.train[0]) / rows.batch))
    train, target = map(torch.from_numpy, rows.train)
    target = target.long() if problem.data.kind == "multiclass" else target[:, None]
    epochs = Epochs(problem, rows)
    for _ in range(config.epochs):
        losses = [step(train[batch], target[batch]) for batch in torch.randperm(len(train)).split(rows.batch)]
        if not epochs.note(sum(losses) / len(losses), layers_of(network)):
            break
    return epochs.learner, epochs.history


def build(sizes: list[int]) -> nn.Sequential:
    """Linear layers with SiLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers += [nn.SiLU()] * bool(layers) + [nn.Linear(inputs, outputs)]
    return nn.Sequential(*layers)


def layers_of(network: nn.Sequential) -> list[Layer]:
    """The network as arrays, copied."""
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    return [(layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()) for layer in linear]


def _step(problem: Problem, network: nn.Module, steps: int) -> Callable[[torch.Tensor, torch.Tensor], float]:
    """A function that learns from a batch and returns its loss; workers of Ray Train average their gradients."""
    model = nn.parallel.DistributedDataParallel(network) if dist.is_initialized() else network
    rate, decay = problem.config.learning_rate, problem.config.weight_decay
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    loss_of = LOSSES[problem.data.kind]()

    def step(rows: torch.Tensor, target: torch.Tensor) -> float:
        optimiser.zero_grad()
        loss = loss_of(model(rows), target)
        loss.backward()
        optimiser.step()
        schedule.step()
        return loss.item()

    return step
