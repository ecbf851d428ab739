"""The two models that ship: their specs, and the metadata of the versions that ship with them."""

from __future__ import annotations

from models import specs
from models.artifact.checkpoint import read_metadata
from models.registry import PRETRAINED

IMAGES, ROWS = specs.get("cifar10"), specs.get("breast-cancer")
SHIPPED_IMAGES, SHIPPED_ROWS = (read_metadata(PRETRAINED / spec.name) for spec in (IMAGES, ROWS))
