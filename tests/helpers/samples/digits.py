"""A model of handwritten digits, as a user would add one: scikit-learn's 1,797 pictures in class folders, as a spec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

NAME = "digits"
SPEC = """\
name = "digits"
family = "image"
title = "Digits"
question = "Which digit is this?"

[data]
title = "handwritten digits"
folder = "pictures"
size = {size}
"""


def write(home: Path, count: int | None = None, size: int = 32) -> Path:
    """Put the model into an AIR_HOME, with the first ``count`` pictures or all; returns its folder."""
    folder = home / "models" / NAME
    folder.mkdir(parents=True)
    (folder / "spec.toml").write_text(SPEC.format(size=size))
    digits = load_digits()
    for i, (pixels, label) in enumerate(zip(digits.images[:count], digits.target[:count], strict=True)):
        place = folder / "pictures" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(pixels * 255 / 16).astype(np.uint8)).save(place / f"{i:04}.png")
    return folder
