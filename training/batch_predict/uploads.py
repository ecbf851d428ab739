"""Uploaded files for a batch prediction: checked, then kept as Parquet until they are used.

    AIR_HOME/uploads/<id>/
      upload.json      names, sizes and the check's result; written last, so if it exists the rest is complete
      items.parquet    the rows or pictures

The files themselves are deleted after the check; the folder is deleted when its job has ended, or
after an hour without use.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models.artifact.checkpoint import Metadata
from models.table.contract import takes_gaps
from models.table.features import of_version
from settings import Settings
from training.batch_predict.checking import Check, Problem
from training.batch_predict.pictures import (
    check_pictures,
    is_zip,
    pictures_of_files,
    pictures_of_zip,
    refuse_other_archives,
)
from training.batch_predict.rows import check_rows
from training.datasets.archives import shortened
from training.runs import arrivals
from training.runs.errors import DataError
from training.runs.records import ID, new_id

UPLOAD, ITEMS = "upload.json", "items.parquet"
MAX_FILES = 1_000
ONE_CSV = "Send one CSV file with a header and the features as columns."

# A file's name and path.
Given = tuple[str, Path]


class UnknownUpload(DataError):
    """There is no such upload any longer; str() is a sentence."""


class Upload(BaseModel):
    """An upload as the API shows it."""

    model_config = ConfigDict(extra="forbid")

    id: str
    model: str
    names: list[str]
    bytes: int
    rows: int
    good: int
    problems: list[Problem]


class Store:
    """The folders of all uploads."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.air_home / "uploads"

    def arrive(self) -> Path:
        """A new, empty folder for an upload in progress; ``accept`` or ``shutil.rmtree`` ends it."""
        return arrivals.arrive(self._root)

    def accept(self, metadata: Metadata, arrived: Path, names: list[str]) -> Upload:
        """Check the files 0, 1, … in a folder from ``arrive``, and keep them as an upload.

        ``metadata`` is that of the model's champion. Raises DataError with the problem; the files are deleted in any
        case.
        """
        try:
            given = [(name, arrived / str(i)) for i, name in enumerate(names)]
            size = sum(path.stat().st_size for _, path in given)
            check = _check(metadata, given, arrived / ITEMS)
            now = datetime.now().astimezone()
            upload = Upload(
                id=new_id(now),
                model=metadata.model,
                names=[shortened(name) for name in names],
                bytes=size,
                **check.model_dump(),
            )
            for _, path in given:
                path.unlink()
            (arrived / UPLOAD).write_text(upload.model_dump_json())
            arrived.replace(self._root / upload.id)
        except BaseException:
            shutil.rmtree(arrived, ignore_errors=True)
            raise
        return upload

    def read(self, upload_id: str) -> Upload:
        """The names and the check of an upload. Raises UnknownUpload."""
        try:
            if not ID.fullmatch(upload_id):
                raise FileNotFoundError
            return Upload.model_validate_json((self._root / upload_id / UPLOAD).read_bytes())
        except (OSError, ValueError):
            raise UnknownUpload(
                f"There is no upload {upload_id[:64]!r}: it was used, or deleted after an hour. Send the files again."
            ) from None

    def items(self, upload_id: str) -> Path:
        """The Parquet file of an upload."""
        return self._root / upload_id / ITEMS

    def delete(self, upload_id: str) -> None:
        """Delete an upload; does nothing when it is gone."""
        with suppress(UnknownUpload):
            shutil.rmtree(self._root / self.read(upload_id).id, ignore_errors=True)

    def forget(self, model: str) -> None:
        """Delete the uploads for a model."""
        for file in self._root.glob(f"*/{UPLOAD}"):
            with suppress(UnknownUpload):
                if self.read(file.parent.name).model == model:
                    self.delete(file.parent.name)

    def sweep(self, in_use: Iterable[str]) -> None:
        """Delete uploads that are older than KEPT_UNUSED_S and not in use."""
        arrivals.sweep(self._root, in_use)


def _check(metadata: Metadata, given: list[Given], destination: Path) -> Check:
    if metadata.family == "table":
        return _check_rows(metadata, given, destination)
    if len(given) == 1 and is_zip(given[0][1]):
        return check_pictures(pictures_of_zip(given[0][1]), destination)
    if len(given) == 1:
        refuse_other_archives(given[0][1])
    archive = next((name for name, path in given if is_zip(path)), None)
    if archive is not None:
        raise DataError(f"{archive[:80]!r} is an archive; send it alone, or send pictures only.")
    return check_pictures(pictures_of_files(given), destination)


def _check_rows(metadata: Metadata, given: list[Given], destination: Path) -> Check:
    if len(given) != 1:
        raise DataError(f"There are {len(given)} files. {ONE_CSV}")
    with given[0][1].open("rb") as source:
        return check_rows(source, of_version(metadata), takes_gaps(metadata), destination)
