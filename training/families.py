"""The families: the options of their jobs, and the code that trains and evaluates their models.

That code is imported when it is first needed: torch and XGBoost take seconds.
"""

from __future__ import annotations

from collections import ChainMap
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from models.specs import Family, ModelSpec
from models.table.learners import name_of
from settings import Settings
from training.runs.config import BatchPredict, JobConfig, TrainImages, TrainTable, preset_of
from training.runs.progress import Listener
from training.table import learner_options
from training.tuning.config import TuneImages, TuneJob, TuneTable

# The kinds of job that a model has.
KINDS = ("train", "tune", "batch_predict")
TRAIN: dict[Family, type[JobConfig]] = {"image": TrainImages, "table": TrainTable}
TUNE: dict[Family, type[TuneJob]] = {"image": TuneImages, "table": TuneTable}


def options(kind: str, family: Family) -> type[JobConfig]:
    """The options of a job of one of ``KINDS``."""
    return {"train": TRAIN[family], "tune": TUNE[family], "batch_predict": BatchPredict}[kind]


def json_schema(kind: str, spec: ModelSpec) -> dict[str, Any]:
    """The options of a job of a kind as JSON Schema, with the presets of the model."""
    schema = options(kind, spec.family).model_json_schema()
    if kind == "train" and spec.family == "table":
        for name, value in ChainMap(*spec.presets.values()).items():
            if name in schema["properties"]:
                schema["properties"][name]["default"] = value
    named = {"train": {"preset": spec.presets}, "tune": {"preset": spec.searches, "train_preset": spec.presets}}
    for name, offered in named.get(kind, {}).items():
        if name in schema["properties"]:
            schema["properties"][name]["enum"] = list(offered)
    return schema


def config_of(spec: ModelSpec, preset: str) -> dict[str, Any]:
    """The options that choose a preset of a model's spec: of an image model its name, of a table model the learner."""
    if spec.family == "image":
        return {"preset": preset}
    return {"learner": name_of(spec.presets[preset])}


def options_of(spec: ModelSpec, preset: str) -> dict[str, Any]:
    """The options of a training that have an effect with a preset, each with its default; None where it depends."""
    defaults = {name: field.default for name, field in TRAIN[spec.family].model_fields.items()}
    if spec.family == "image":
        return defaults | {"preset": preset}
    learner = config_of(spec, preset)["learner"]
    other = learner_options.idle(defaults, learner)
    return {name: value for name, value in defaults.items() if name not in other} | preset_of(spec, learner)


def needs(spec: ModelSpec, preset: str) -> str:
    """What this machine lacks for a preset, in a sentence; empty if nothing."""
    learner = config_of(spec, preset).get("learner")
    why = learner_options.missing(learner) if learner else ""
    return f"It {why}." if why else ""


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
