"""Train the image model that ships: python -m training.cifar10 --preset quick

    python -m training.cifar10 --loader stream                                   more images than memory holds
    python -m training.cifar10 --net lenet --loader torch --epochs 10 --num-workers 2      as in the book's chapter

The stages are in ``training.image``.
"""

from __future__ import annotations

import sys

from training.runs import command

if __name__ == "__main__":
    sys.exit(command.run("cifar10", sys.argv[1:]))
