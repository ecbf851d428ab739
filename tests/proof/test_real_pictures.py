"""The shipped image model's answers to real test pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from settings import Settings
from tests.helpers.in_process.studio import Studio
from tests.helpers.models import IMAGES
from training.datasets import pictures as dataset


def test_shipped_model_is_accurate_and_knows_when_it_is_not(real_cifar10: Path, tmp_path: Path) -> None:
    splits = dataset.load(IMAGES, Settings(air_home=tmp_path, cifar10_dir=real_cifar10))
    chosen = np.random.default_rng(0).permutation(len(splits.test))[:1_000]
    test = splits.test.take(chosen)
    stored = [item.as_py() for item in test.stored]
    predictions = []
    with Studio(tmp_path / "home") as studio:
        for start in range(0, len(stored), 50):
            files = [("file", (str(i), data)) for i, data in enumerate(stored[start : start + 50])]
            predictions += studio.client().post("/cifar10/predict", files=files).json()["predictions"]
    right = np.mean([p["label"] == splits.labels[y] for p, y in zip(predictions, test.labels, strict=True)])
    assert right >= 0.85
    assert np.mean([p["unsure"] for p in predictions]) <= 0.12
    assert json.dumps(predictions[0])
