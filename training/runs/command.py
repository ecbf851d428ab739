"""What the training commands do around a training: read the options, train, print what came of it.

python -m training NAME [options]        any model
python -m training.cifar10 [options]     the shipped models also by a name of their own
"""

from __future__ import annotations

import sys

from models import specs
from models.specs import ModelSpec
from settings import SettingsError, get_settings
from training import families
from training.runs.config import from_command_line
from training.runs.errors import TrainingError


def of(spec: ModelSpec) -> list[str]:
    """The words that start the training of a model."""
    return ["python", "-m", *([f"training.{spec.module}"] if spec.is_shipped else ["training", spec.name])]


def run(model: str, arguments: list[str]) -> int:
    """Train with these options; returns the exit status. What is wrong is one line on stderr."""
    try:
        specs.check()
        spec = specs.get(model)
        config = from_command_line(families.TRAIN[spec.family], spec, arguments)
        version, folder, metrics = families.train(spec, config, get_settings())
    except (TrainingError, SettingsError, specs.UnknownModel) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; nothing was registered", file=sys.stderr)
        return 130
    print(f"\n{model} version {version} in {folder}")
    print("  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    return 0
