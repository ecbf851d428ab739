"""Train the table model that ships: python -m training.breast_cancer

    python -m training.breast_cancer --num-workers 2 --scaled-columns all --params gamma=0.1

The stages are in ``training.table``.
"""

from __future__ import annotations

import sys

from training.runs import command

if __name__ == "__main__":
    sys.exit(command.run("breast-cancer", sys.argv[1:]))
