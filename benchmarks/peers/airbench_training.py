"""Keller Jordan's airbench94, as published on PyPI, on our images. ``benchmarks.gpu`` runs it.

    python -m benchmarks.peers.airbench_training IMAGES.npz RUNS

Needs a GPU. Trains RUNS times in one process; prints the epochs of each run as JSON: accuracy on the validation
images, without test-time augmentation, and the seconds trained so far, by airbench's own clock.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import airbench
import numpy as np
import torch

EPOCH, ACCURACY, SECONDS = 2, 5, 7


def _keep(folder: Path, name: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Save images where airbench looks before it downloads CIFAR-10."""
    classes = [str(number) for number in range(int(labels.max()) + 1)]
    content = {"images": torch.from_numpy(images), "labels": torch.from_numpy(labels), "classes": classes}
    torch.save(content, folder / f"{name}.pt")


def _epochs(printed: str) -> list[dict[str, float]]:
    """Rows of the table that airbench prints, except the last one, which has test-time augmentation."""
    rows = [[cell.strip() for cell in line.split("|")] for line in printed.splitlines() if line.startswith("|")]
    return [
        {"validation_accuracy": float(row[ACCURACY]), "seconds": float(row[SECONDS])}
        for row in rows
        if row[EPOCH].isdigit()
    ]


def main() -> None:
    """Train RUNS times."""
    with np.load(sys.argv[1]) as kept:
        arrays = {name: kept[name] for name in kept.files}
    runs: list[Any] = []
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        folder = Path("cifar10")  # the name that airbench gives it
        folder.mkdir()
        _keep(folder, "train", arrays["images"], arrays["labels"])
        _keep(folder, "test", arrays["validation_images"], arrays["validation_labels"])
        for _ in range(int(sys.argv[2])):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                airbench.train94()
            runs.append(_epochs(printed.getvalue()))
    print(json.dumps(runs))


if __name__ == "__main__":
    main()
