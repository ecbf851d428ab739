"""The checkpoint folder: complete or absent, and damage is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models import catalog
from models.artifact import checkpoint
from tests.helpers.samples.versions import SHIPPED, TREES


@pytest.fixture(params=[SHIPPED / "cifar10", SHIPPED / "breast-cancer", TREES], ids=lambda path: path.name)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a shipped checkpoint folder, or of one of the first release."""
    return Path(shutil.copytree(request.param, tmp_path / request.param.name))


def _weights(folder: Path) -> Path:
    return next(path for path in folder.iterdir() if path.name in ("weights.pt", "layers.npz", "booster.ubj"))


def _accept_changes(folder: Path) -> None:
    """Rewrite the manifest, like an attacker who damages a model and hides it."""
    (folder / checkpoint.MANIFEST).unlink()
    checkpoint._write_manifest(folder)


def test_shipped_folder_loads_and_answers_its_golden_inputs(folder: Path) -> None:
    model = catalog.load(folder)
    with np.load(folder / checkpoint.GOLDEN) as golden:
        assert np.abs(model.predict(golden["inputs"]) - golden["outputs"]).max() < 1e-3
    assert model.metadata.model == ("cifar10" if folder.name == "cifar10" else "breast-cancer")


def test_truncated_weights_are_named(folder: Path) -> None:
    weights = _weights(folder)
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(checkpoint.CheckpointError, match=f"{weights.name} has .* bytes"):
        catalog.load(folder)


def test_changed_weights_are_named(folder: Path) -> None:
    weights = _weights(folder)
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(checkpoint.CheckpointError, match="SHA-256"):
        catalog.load(folder)


def test_weights_of_something_else_are_refused(folder: Path) -> None:
    _weights(folder).write_bytes(b"not a model at all")
    _accept_changes(folder)
    with pytest.raises(checkpoint.CheckpointError, match=_weights(folder).name):
        catalog.load(folder)


def test_other_answers_than_the_golden_ones_are_refused(folder: Path) -> None:
    with np.load(folder / checkpoint.GOLDEN) as golden:
        inputs, outputs = golden["inputs"], golden["outputs"]
    checkpoint.write_golden(folder, inputs, np.roll(outputs, 1, axis=0))
    _accept_changes(folder)
    with pytest.raises(checkpoint.CheckpointError, match="golden answers differ"):
        catalog.load(folder)


@pytest.mark.parametrize("name", [checkpoint.MANIFEST, checkpoint.METADATA, checkpoint.GOLDEN])
def test_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(checkpoint.CheckpointError, match=name):
        catalog.load(folder)


def test_metadata_with_a_missing_key_is_named(folder: Path) -> None:
    metadata = json.loads((folder / checkpoint.METADATA).read_text())
    del metadata["labels"]
    (folder / checkpoint.METADATA).write_text(json.dumps(metadata))
    _accept_changes(folder)
    with pytest.raises(checkpoint.CheckpointError, match="labels"):
        catalog.load(folder)


def test_nothing_is_published_when_writing_fails(tmp_path: Path) -> None:
    destination = tmp_path / "version"

    def write() -> None:
        with checkpoint.writing(destination) as folder:
            (folder / "weights.pt").write_bytes(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_published_folder_is_never_overwritten(tmp_path: Path) -> None:
    destination = tmp_path / "version"
    with checkpoint.writing(destination) as folder:
        (folder / "a").write_text("first")
    with pytest.raises(FileExistsError), checkpoint.writing(destination):
        pass
    assert (destination / "a").read_text() == "first"
