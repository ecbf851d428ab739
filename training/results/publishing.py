"""The last stage of every training: a checkpoint folder, its figures in MLflow, a version."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from models.artifact import checkpoint, storage
from models.artifact.checkpoint import CheckpointError
from models.registry import Registry, RegistryError
from models.specs import ModelSpec
from settings import Settings, available_cpus
from training.runs.config import JobConfig
from training.runs.errors import ConfigError

GOLDEN_ROWS = 16


def metadata(
    *,
    spec: ModelSpec,
    labels: list[str],
    config: dict[str, Any],
    preprocessor: dict[str, Any],
    decision: dict[str, Any],
    metrics: dict[str, float],
    data: dict[str, Any],
    job: JobConfig,
    seed: int,
    started: float,
    packages: tuple[str, ...],
) -> checkpoint.Metadata:
    """Metadata of a model that this process trained since ``started`` (time.time())."""
    return checkpoint.Metadata(
        model=spec.name,
        family=spec.family,
        labels=labels,
        config=config,
        preprocessor=preprocessor,
        decision=decision,
        metrics=metrics,
        data=data,
        training=storage.without_secrets(job.recorded()),
        command=command_line(),
        seed=seed,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        duration_s=round(time.time() - started, 1),
        hardware={"machine": platform.machine(), "cpus": available_cpus(), "processor": _processor()},
        versions={"python": platform.python_version()} | {name: version(name) for name in packages},
    )


def command_line() -> str:
    """The command of this process as a person would type it, without logins and signatures."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    program = (
        f"python -m {spec.name.removesuffix('.__main__')}" if spec is not None else f"python {Path(sys.argv[0]).name}"
    )
    return storage.without_secrets(" ".join([program, *sys.argv[1:]]))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def open_registry(settings: Settings) -> Registry:
    """The registry, opened before any work whose result could not be published. Raises ConfigError."""
    try:
        storage.check(settings)
        return Registry(settings)
    except (CheckpointError, RegistryError) as error:
        raise ConfigError(str(error)) from error


def publish(
    settings: Settings,
    registry: Registry,
    run_id: str,
    meta: checkpoint.Metadata,
    evaluation: dict[str, Any],
    save: Callable[[Path], None],
    golden: tuple[np.ndarray, np.ndarray],
) -> tuple[str, Path]:
    """Write the folder and register it; returns the new version and its folder on this machine.

    Raises ConfigError when the model was removed meanwhile.
    """
    source = storage.source_of(settings, meta.model, run_id)
    with storage.writing(source, settings) as folder:
        save(folder)
        checkpoint.write_golden(folder, *golden)
        (folder / checkpoint.EVALUATION).write_text(json.dumps(evaluation, indent=1))
        (folder / checkpoint.METADATA).write_text(meta.model_dump_json(indent=2))
    try:
        return registry.register(source, run_id), storage.fetch(source, settings)
    except RegistryError as error:
        storage.delete(source, settings)
        raise ConfigError(str(error)) from error
