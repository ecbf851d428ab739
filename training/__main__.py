"""Train a model: python -m training NAME [options]; ``python -m training NAME --help`` lists the options."""

from __future__ import annotations

import sys

from models import specs
from training.runs import command

if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(f"usage: python -m training {'|'.join(specs.names())} [options]; see --help")
    sys.exit(command.run(sys.argv[1], sys.argv[2:]))
