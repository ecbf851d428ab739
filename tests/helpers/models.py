"""The specs of the two models that ship."""

from __future__ import annotations

from models import specs

IMAGES, ROWS = specs.get("cifar10"), specs.get("breast-cancer")
