"""Run a study: python -m training.tuning breast-cancer; see ``training.tuning.study``."""

from __future__ import annotations

import sys

from training.tuning.study import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
