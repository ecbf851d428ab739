"""The files and programs of cluster/: as written, as prepared by Ray, as modules."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import ROOT

CLOUDS = ["gcp", "azure", "aws"]
FILES = [*CLOUDS, "local"]


def read(name: str) -> dict[str, Any]:
    """The file as it is written."""
    return yaml.safe_load((ROOT / "cluster" / f"{name}.yaml").read_text())


def prepare(name: str) -> dict[str, Any]:
    """The file as Ray completes it, after Ray's validation."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(read(name))
    validate_config(config)
    return config


def program(name: str) -> Any:
    """A program of the folder, which is not a package, loaded as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "cluster" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Make ``home`` this process's home, for the keys and states that Ray writes, without other credentials.

    The working folder becomes the repository's root.
    """
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            patch.delenv(name)
    patch.setenv("HOME", str(home))
    patch.setenv("RAY_TMPDIR", str(home / "ray"))
    patch.chdir(ROOT)
