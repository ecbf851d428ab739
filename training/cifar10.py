"""Train the image model: python -m training.cifar10 --preset quick

    python -m training.cifar10 --loader stream                                   more images than memory holds
    python -m training.cifar10 --net lenet --loader torch --epochs 10 --num-workers 2      as in the Ray AIR chapter

The stages are in ``training.image``.
"""

from __future__ import annotations

import sys

from models.image.model import NAME
from training.image.train import train
from training.runs import command
from training.runs.config import TrainCifar10

if __name__ == "__main__":
    sys.exit(command.run(NAME, TrainCifar10, train))
