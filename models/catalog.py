"""Which class loads which model. Importing this imports no torch and no xgboost; ``load`` does."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from models.artifact import checkpoint
from settings import Settings

CLASSES = {
    "cifar10": "models.image.model:Cifar10Model",
    "breast-cancer": "models.table.model:BreastCancerModel",
}


def load(folder: Path) -> Any:
    """The model of a checkpoint folder, whatever it is, as training left it. Raises CheckpointError."""
    return _class(folder).load(folder)


def load_to_serve(folder: Path, settings: Settings) -> Any:
    """The model of a checkpoint folder with the backend that answers fastest here. Raises CheckpointError."""
    return _class(folder).load_to_serve(folder, settings)


def _class(folder: Path) -> Any:
    name = checkpoint.read_metadata(folder).model
    if name not in CLASSES:
        raise checkpoint.CheckpointError(f"{folder.name} holds {name!r}; known are {', '.join(CLASSES)}.")
    module, _, attribute = CLASSES[name].partition(":")
    return getattr(import_module(module), attribute)
