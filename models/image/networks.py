"""The image networks. ``build`` makes one from the ``config`` in a checkpoint's metadata."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LeNet(nn.Module):
    """The chapter's small convolutional net (PyTorch's CIFAR-10 tutorial): 62,006 parameters.

    Input float (n, 3, size, size), output logits (n, num_classes).
    """

    def __init__(self, num_classes: int, size: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        # Each convolution reduces a side by 4 pixels, each pooling by half.
        side = ((size - 4) // 2 - 4) // 2
        self.fc1 = nn.Linear(16 * side * side, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc3(F.relu(self.fc2(x)))


class Block(nn.Module):
    """Two 3×3 convolutions with batch norm and GELU, pooled after the first."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width_out, momentum=0.4)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width_out, momentum=0.4)
        for conv in (self.conv1, self.conv2):
            nn.init.dirac_(conv.weight[: conv.in_channels].data)
        for norm in (self.norm1, self.norm2):
            norm.weight.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class AirNet(nn.Module):
    """A whitening 2×2 convolution, three blocks and a scaled linear head.

    After the CifarNet of Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU",
    arXiv:2404.00498, with narrower blocks. Input float (n, 3, h, w) normalised to zero mean
    and unit variance, output logits (n, num_classes).
    """

    def __init__(self, num_classes: int, widths: tuple[int, int, int] = (64, 128, 256)) -> None:
        super().__init__()
        whitened = 24
        self.whiten = nn.Conv2d(3, whitened, 2)
        self.whiten.weight.requires_grad_(False)
        self.blocks = nn.Sequential(
            Block(whitened, widths[0]), Block(widths[0], widths[1]), Block(widths[1], widths[2])
        )
        self.head = nn.Linear(widths[2], num_classes, bias=False)
        self.head.weight.data.mul_(1 / self.head.weight.data.std())

    def init_whiten(self, images: Tensor, eps: float = 5e-4) -> None:
        """Set the first layer to the eigenvectors of 2×2 patches of ``images``, float (n, 3, h, w)."""
        patches = images.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12).float()
        covariance = (patches.T @ patches) / len(patches)
        values, vectors = torch.linalg.eigh(covariance)
        scaled = vectors.T.reshape(-1, 3, 2, 2) / torch.sqrt(values.view(-1, 1, 1, 1) + eps)
        self.whiten.weight.data[:] = torch.cat((scaled, -scaled))

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(F.gelu(self.whiten(x)))
        x = x.amax((2, 3))
        return self.head(x) / x.size(-1)


def build(config: dict[str, Any]) -> nn.Module:
    """The network of a metadata ``config``: {"net": "lenet"|"airnet", "num_classes", "widths"?, "size"?}."""
    arguments = {key: value for key, value in config.items() if key != "net"}
    if config["net"] == "lenet":
        return LeNet(**arguments)
    if config["net"] == "airnet":
        return AirNet(**arguments)
    raise ValueError(f"There is no network {config['net']!r}; known are lenet and airnet.")
