"""The artifact: a self-contained checkpoint folder.

    metadata.json     what the model is, how it was made, how good it is (class Metadata)
    evaluation.json   validation and test figures, thresholds, confusion matrices
    golden.npz        a few inputs with the model's outputs when it was saved
    <weights>         weights.pt (a torch state_dict) or booster.ubj (XGBoost)
    manifest.json     size and SHA-256 of every file above; written last, so if it exists
                      the folder is complete

A folder is written beside its destination and renamed at the end: a reader sees all of it
or nothing. ``models.artifact.storage`` copies it to storage that other machines can reach.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

FORMAT = 1
METADATA, EVALUATION, GOLDEN, MANIFEST = "metadata.json", "evaluation.json", "golden.npz", "manifest.json"


class CheckpointError(Exception):
    """A checkpoint folder is missing, incomplete, damaged or gives wrong answers; str() names the problem."""


class Metadata(BaseModel):
    """metadata.json. ``config`` rebuilds the model, ``preprocessor`` is the fitted preprocessing."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    model: str
    family: str = ""
    labels: list[str]
    config: dict[str, Any]
    preprocessor: dict[str, Any]
    decision: dict[str, Any] = {}
    metrics: dict[str, float]
    data: dict[str, Any]
    training: dict[str, Any]
    command: str
    seed: int
    created: str
    duration_s: float
    hardware: dict[str, Any]
    versions: dict[str, str]

    @model_validator(mode="after")
    def _family_by_content(self) -> Metadata:
        """The folders of earlier releases do not name their family; a picture's size is in those of images alone."""
        if not self.family:
            self.family = "image" if "size" in self.preprocessor else "table"
        return self


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def writing(destination: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; publish it as ``destination`` when the block ends without an error.

    Nothing is left when the block raises. Raises FileExistsError if ``destination`` exists.
    """
    if destination.exists():
        raise FileExistsError(f"{destination} already exists; a checkpoint is never overwritten.")
    destination.parent.mkdir(parents=True, exist_ok=True)
    folder = destination.parent / f".{destination.name}.{uuid.uuid4().hex}.partial"
    folder.mkdir()
    try:
        yield folder
        _write_manifest(folder)
        folder.rename(destination)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write_manifest(folder: Path) -> None:
    files = {path.name: {"size": path.stat().st_size, "sha256": sha256(path)} for path in sorted(folder.iterdir())}
    with (folder / MANIFEST).open("w") as file:
        json.dump({"format": FORMAT, "files": files}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def write_golden(folder: Path, inputs: np.ndarray, outputs: np.ndarray) -> None:
    """Store golden answers: ``inputs`` of the model's predict() and the ``outputs`` it returned.

    Rows of texts and numbers are stored as JSON: loading them runs no code.
    """
    if inputs.dtype == object:
        inputs = np.array([json.dumps(list(row)) for row in inputs])
    np.savez_compressed(folder / GOLDEN, inputs=inputs, outputs=outputs)


def read_metadata(folder: Path) -> Metadata:
    """The folder's metadata; does not check its other files. Raises CheckpointError."""
    try:
        content = (folder / METADATA).read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder.name}: {METADATA} is missing.") from error
    return parse_metadata(content, folder.name)


def parse_metadata(content: bytes, name: str) -> Metadata:
    """The metadata of the folder ``name``. Raises CheckpointError."""
    try:
        return Metadata.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or METADATA
        raise CheckpointError(f"{name}: {METADATA} is not valid at {where}: {first['msg']}.") from error


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The folder's evaluation figures. Raises CheckpointError."""
    try:
        return json.loads((folder / EVALUATION).read_text())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder.name}: {EVALUATION} cannot be read.") from error


def verify(folder: Path) -> Metadata:
    """Check that the folder is complete and undamaged, and return its metadata. Raises CheckpointError."""
    try:
        files = json.loads((folder / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{folder.name}: {MANIFEST} is missing or broken, so the folder is incomplete."
        ) from error
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{folder.name}: {name} is missing.")
        if path.stat().st_size != expected["size"]:
            raise CheckpointError(
                f"{folder.name}: {name} has {path.stat().st_size} bytes, but {expected['size']} were written."
            )
        if sha256(path) != expected["sha256"]:
            raise CheckpointError(f"{folder.name}: {name} was changed after it was written (SHA-256 differs).")
    return read_metadata(folder)


def check_golden(folder: Path, predict: Any, atol: float) -> None:
    """Predict the golden inputs and compare with the golden outputs, to within ``atol`` (in the unit of the outputs).

    Raises CheckpointError when they differ by more, have another shape or are not finite.
    """
    with (folder / GOLDEN).open("rb") as file, np.load(file, allow_pickle=False) as golden:
        inputs, expected = golden["inputs"], golden["outputs"]
    if inputs.dtype.kind == "U":
        inputs = np.array([json.loads(row) for row in inputs], dtype=object)
    answers = predict(inputs)
    if answers.shape != expected.shape:
        raise CheckpointError(f"{folder.name}: golden answers have shape {expected.shape}, not {answers.shape}.")
    if not np.isfinite(answers).all():
        raise CheckpointError(f"{folder.name}: the model answers golden inputs with NaN or infinity.")
    worst = float(np.abs(answers - expected).max())
    if worst > atol:
        raise CheckpointError(f"{folder.name}: golden answers differ by {worst:.4f}, at most {atol} is allowed.")
