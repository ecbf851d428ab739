"""The class that loads the models of each family. Only ``load`` imports torch or xgboost."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from models.artifact import checkpoint
from settings import Settings

CLASSES = {
    "image": "models.image.model:ImageModel",
    "table": "models.table.model:TableModel",
}


def load(folder: Path) -> Any:
    """The model of a checkpoint folder, of any family, as training saved it. Raises CheckpointError."""
    return _class(folder).load(folder)


def load_to_serve(folder: Path, settings: Settings) -> Any:
    """The model of a checkpoint folder with the fastest backend of this machine. Raises CheckpointError."""
    return _class(folder).load_to_serve(folder, settings)


def _class(folder: Path) -> Any:
    family = checkpoint.read_metadata(folder).family
    if family not in CLASSES:
        raise checkpoint.CheckpointError(
            f"{folder.name} holds a model of the family {family!r}; known are {', '.join(CLASSES)}."
        )
    module, _, attribute = CLASSES[family].partition(":")
    return getattr(import_module(module), attribute)
