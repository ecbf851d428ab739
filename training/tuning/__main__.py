"""Run a study: python -m training.tuning breast-cancer; ``training.tuning.study`` says more."""

from __future__ import annotations

import sys

from training.tuning.study import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
