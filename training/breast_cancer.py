"""Train the table model: python -m training.breast_cancer

    python -m training.breast_cancer --num-workers 2 --scaled-columns all --params gamma=0.1

The stages are in ``training.table``.
"""

from __future__ import annotations

import sys

from models.table.model import NAME
from training.runs import command
from training.runs.config import TrainBreastCancer
from training.table.train import train

if __name__ == "__main__":
    sys.exit(command.run(NAME, TrainBreastCancer, train))
