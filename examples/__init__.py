"""The chapter as programs, one a section: ``python -m examples.read_csv``.

Here is only what each of them would repeat: the Ray that it runs on, the data, and the sentence for a missing package.
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
    ray_session.connect(settings.model_copy(update={"ray_address": None}) if own else settings, **options)


def need(module: str, package: str) -> None:
    """End the program with one sentence when a package of requirements-extra.txt is missing."""
    if find_spec(module) is None:
        sys.exit(f'examples.{Path(sys.argv[0]).stem} needs {package}: run "make extras" first.')


def start_serve() -> str:
    """Start a Ray of this program's own with Serve, on a free port and without log lines; its URL."""
    import logging
    import socket

    # An app around this program has set up its own Serve by these: HAProxy, and where its files and ports are.
    for name in [name for name in os.environ if name.startswith("RAY_SERVE_")]:
        del os.environ[name]
    start_ray(own=True, num_cpus=4)
    from ray import serve

    logging.getLogger("ray.serve").setLevel("ERROR")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve.start(http_options={"port": port})
    return f"http://127.0.0.1:{port}"
