"""Start a network from the weights of a model that ships: its body knows edges, textures and parts of things.

The head, which tells that model's classes apart, begins anew.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from models.artifact import checkpoint
from models.image.model import WEIGHTS
from models.registry import PRETRAINED

HEAD = "head."


def widths(name: str) -> list[int]:
    """The widths of the network of a shipped model, which one that starts from its weights has too."""
    return list(_metadata(name).config["widths"])


def load_body(network: nn.Module, name: str) -> None:
    """Give ``network`` the weights of a shipped model, but for the head. Raises CheckpointError."""
    _metadata(name)
    state: dict[str, Any] = torch.load(PRETRAINED / name / WEIGHTS, map_location="cpu", weights_only=True)
    body = {key: value for key, value in state.items() if not key.startswith(HEAD)}
    try:
        lacking = network.load_state_dict(body, strict=False)
    except RuntimeError as error:
        raise checkpoint.CheckpointError(f"The weights of {name} do not fit this network.") from error
    if lacking.unexpected_keys or any(not key.startswith(HEAD) for key in lacking.missing_keys):
        raise checkpoint.CheckpointError(f"The weights of {name} are those of another kind of network.")


def _metadata(name: str) -> checkpoint.Metadata:
    return checkpoint.verify(PRETRAINED / name)
