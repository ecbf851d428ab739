"""The chapter as programs, one a section: ``python -m examples.read_csv``.

Here is only what each of them would repeat: the Ray that it runs on, the data, and the sentence for what is missing.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from settings import ROOT, get_settings

# The chapter's data: 569 samples, 30 measurements, and "target": 0 for malignant, 1 for benign.
CSV = ROOT / "models" / "specs" / "breast-cancer" / "breast_cancer.csv"


def start_ray(own: bool = False, **options: Any) -> None:
    """Join the Ray of RAY_ADDRESS or start one for this program, without log lines and progress bars.

    ``own``: never join, for programs that need certain CPUs or nodes. ``options`` go to ``ray.init``.
    """
    # Ray Train looks at its workers every 2 s by default, which these short trainings would spend waiting.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
    # The newer output of Ray Tune prints tables even with verbose=0.
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    from training.runs import ray_session

    settings = get_settings()
    if own or not settings.ray_address:
        settings, options = settings.model_copy(update={"ray_address": None}), {"num_cpus": 4} | options
    ray_session.connect(settings, **options)
    from ray.data import DataContext

    # Each process costs seconds of a small machine. Ray Data starts one for every CPU, and shuffles into 200 parts.
    context = DataContext.get_current()
    context.default_hash_shuffle_parallelism = 1
    context.execution_options.resource_limits = context.execution_options.resource_limits.copy(cpu=2)


def need(module: str, package: str) -> None:
    """End the program with one sentence when a package of requirements-extra.txt is missing."""
    if find_spec(module) is None:
        sys.exit(f'examples.{Path(sys.argv[0]).stem} needs {package}: run "make extras" first.')


def cifar10() -> Any:
    """The splits of CIFAR-10. Ends the program with one sentence where they are not here and cannot be downloaded."""
    from models import specs
    from training.datasets import pictures
    from training.runs.errors import DataError

    try:
        return pictures.load(specs.get("cifar10"), get_settings())
    except DataError as error:
        sys.exit(str(error))
