"""The frame of the training commands ``training.cifar10`` and ``training.breast_cancer``.

Reads the options, trains, prints the result.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from settings import SettingsError, get_settings
from training.runs.config import JobConfig, from_command_line
from training.runs.errors import TrainingError


def run(model: str, schema: type[JobConfig], train: Callable[[Any, Any], tuple[str, Path, dict[str, float]]]) -> int:
    """Train with the options of this process; returns the exit status. An error is one line on stderr."""
    try:
        version, folder, metrics = train(from_command_line(schema), get_settings())
    except (TrainingError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; nothing was registered", file=sys.stderr)
        return 130
    print(f"\n{model} version {version} in {folder}")
    print("  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    return 0
