"""Further versions of the shipped models: valid ones with other answers, and broken ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from models.artifact import checkpoint
from models.image.model import WEIGHTS, ImageModel
from models.registry import Registry
from models.table.learners.trees import Trees
from models.table.model import TableModel
from settings import ROOT, Settings

SHIPPED = ROOT / "models" / "pretrained"
# The version of the first release: trees, and metadata in the form of that release.
TREES = Path(__file__).parent / "boosted_trees"
# Made by ``python -m training.breast_cancer --learner keras --hidden-units 16`` and copied from AIR_HOME.
KERAS = Path(__file__).parent / "by_keras"
State = dict[str, torch.Tensor]


def add_shifted(home: Path, name: str = "shifted", metrics: dict[str, float] | None = None) -> str:
    """Register an image model that says the next class for each picture; returns its version."""
    model = ImageModel.load(SHIPPED / "cifar10")
    head = model.network.head.weight
    head.data = head.data.roll(1, 0)
    if metrics:
        model.metadata.metrics.update(metrics)
    return _registered(home, "cifar10", name, model)


def add_cut(home: Path, trees: int, name: str) -> str:
    """Register a table model of the first of TREES, with the figures of all; returns its version."""
    whole = TableModel.load(TREES)
    model = TableModel(Trees(whole.learner.booster[:trees]), whole.metadata)
    return _registered(home, "breast-cancer", name, model)


def add_keras(home: Path) -> str:
    """Register a table model that Keras trained; returns its version."""
    folder = home / "checkpoints" / "breast-cancer" / KERAS.name
    shutil.copytree(KERAS, folder)
    return Registry(Settings(air_home=home)).register(str(folder))


def add_broken(home: Path, name: str, harm: Callable[[State], None]) -> str:
    """Register an image model whose weights were changed by ``harm`` and whose manifest is right; its version."""
    folder = home / "checkpoints" / "cifar10" / name
    with checkpoint.writing(folder) as made:
        for file in (SHIPPED / "cifar10").iterdir():
            if file.name != checkpoint.MANIFEST:
                shutil.copyfile(file, made / file.name)
        state = torch.load(made / WEIGHTS, weights_only=True)
        harm(state)
        torch.save(state, made / WEIGHTS)
    return Registry(Settings(air_home=home)).register(str(folder))


def _registered(home: Path, kind: str, name: str, model: ImageModel | TableModel) -> str:
    """Keep a model as a folder, with the figures and golden inputs of the shipped one; returns its version."""
    shipped = SHIPPED / kind
    inputs = np.load(shipped / checkpoint.GOLDEN)["inputs"]
    folder = home / "checkpoints" / kind / name
    with checkpoint.writing(folder) as made:
        shutil.copyfile(shipped / checkpoint.EVALUATION, made / checkpoint.EVALUATION)
        model.save(made)
        checkpoint.write_golden(made, inputs, model.predict(inputs))
        (made / checkpoint.METADATA).write_text(model.metadata.model_dump_json())
    return Registry(Settings(air_home=home)).register(str(folder))
