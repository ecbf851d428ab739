"""The families: the options of their jobs, and the code that trains and evaluates their models.

That code is imported when it is first needed: torch and XGBoost take seconds.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from models.specs import Family, ModelSpec
from settings import Settings
from training.runs.config import BatchPredict, JobConfig, TrainImages, TrainTable
from training.runs.progress import Listener
from training.tuning.config import TuneImages, TuneJob, TuneTable

TRAIN: dict[Family, type[JobConfig]] = {"image": TrainImages, "table": TrainTable}
TUNE: dict[Family, type[TuneJob]] = {"image": TuneImages, "table": TuneTable}


def options(kind: str, family: Family) -> type[JobConfig]:
    """The options of a job of a kind (train, tune, batch_predict)."""
    return {"train": TRAIN[family], "tune": TUNE[family], "batch_predict": BatchPredict}[kind]


def json_schema(kind: str, spec: ModelSpec) -> dict[str, Any]:
    """The options of a job of a kind as JSON Schema, with the presets of the model."""
    schema = options(kind, spec.family).model_json_schema()
    if kind == "train" and spec.family == "table":
        for name, value in spec.presets["default"].items():
            if name in schema["properties"]:
                schema["properties"][name]["default"] = value
    named = {"train": {"preset": spec.presets}, "tune": {"preset": spec.searches, "train_preset": spec.presets}}
    for name, offered in named.get(kind, {}).items():
        if name in schema["properties"]:
            schema["properties"][name]["enum"] = list(offered)
    return schema


def train(
    spec: ModelSpec,
    config: Any,
    settings: Settings,
    listener: Listener | None = None,
    run_name: str | None = None,
) -> tuple[str, Path, dict[str, float]]:
    """Train a model of any family; returns the new version, its folder and its metrics. Raises TrainingError."""
    return part(spec.family, "train").train(spec, config, settings, listener, run_name)


def part(family: Family, name: str) -> ModuleType:
    """A module that every family has: train, held_out, trials."""
    return import_module(f"training.{family}.{name}")
