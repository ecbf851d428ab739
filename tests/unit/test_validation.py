"""The validation set that the page shows: the data source's, or the few shipped pictures."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from models import catalog
from settings import ROOT, Settings
from tests.helpers.models import IMAGES
from training.results import held_out as validation


def test_machine_without_cifar10_shows_forty_real_pictures_and_tells_its_operator_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(air_home=tmp_path, cifar10_dir=None)
    with caplog.at_level(logging.WARNING):
        held_out = validation.load(IMAGES, settings)
        assert validation.load(IMAGES, settings) is held_out
    assert [record.getMessage() for record in caplog.records] == [
        "CIFAR-10 is not on this machine. Set CIFAR10_DIR to a folder with the Parquet files of the data set, "
        "torchvision's cifar-10-batches-py, or one folder of images per class. Until then the page shows 40 "
        "validation pictures of CIFAR-10 that ship with AIR Studio (A. Krizhevsky, 2009)."
    ]
    assert np.bincount(held_out.truth).tolist() == [4] * 10
    pixels = held_out.inputs.at(np.arange(40))
    assert (pixels.shape, pixels.dtype) == ((40, 32, 32, 3), np.uint8)
    loaded = catalog.load_to_serve(ROOT / "models" / "pretrained" / "cifar10", settings)
    assert (loaded.predict(pixels).argmax(1) == held_out.truth).sum() >= 34


def test_data_that_comes_later_takes_their_place(tmp_path: Path, small_cifar10: Path) -> None:
    missing = tmp_path / "cifar10"
    settings = Settings(air_home=tmp_path, cifar10_dir=missing)
    assert len(validation.load(IMAGES, settings).truth) == 40
    missing.symlink_to(small_cifar10)
    assert validation.load(IMAGES, settings).source == "class folders in cifar10"
