"""Predict many at once: python -m training.batch_predict cifar10; see ``training.batch_predict.run``."""

from __future__ import annotations

import sys

from training.batch_predict.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
