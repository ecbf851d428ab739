"""Files that somebody brings for a model of their own, with their profiles, until a model is made of them.

    AIR_HOME/datasets/<id>/       only its owner can read it
      data.csv, data.parquet or pictures.zip
      profile.json                written last, so if it exists the rest is complete

    Datasets(settings).add(stream, name, family) -> Dataset      .get(id)  .path(id)  .all()  .delete(id)

A dataset that is not deleted is kept for an hour, like an upload.
"""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from pydantic import Field

from models.specs import Family, Question
from settings import Settings, private_folder
from training.datasets.archives import shortened
from training.datasets.profile.reports import Profile
from training.runs import arrivals
from training.runs.errors import DataError, full_disk_as_data_error
from training.runs.records import ID, write_whole

# A file arrives under the name of the first file of a request.
PROFILE, GIVEN = "profile.json", "0"
PICTURES, CSV, PARQUET = "pictures.zip", "data.csv", "data.parquet"


class UnknownDataset(DataError):
    """There is no such dataset any longer; str() is a sentence."""


class Dataset(Profile):
    """A file and its profile, as the API shows them."""

    dataset: str = Field(description="its id, for POST /models")
    name: str = Field(description="the file's name")
    created: datetime


class Datasets:
    """The folders of all datasets."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.air_home / "datasets"

    def arrive(self) -> Path:
        """A new, empty folder for a file on its way, called ``GIVEN``; ``accept`` or ``rmtree`` ends it."""
        return arrivals.arrive(private_folder(self._root))

    @full_disk_as_data_error()
    def add(self, stream: IO[bytes], name: str, family: Family) -> Dataset:
        """Keep a file with its profile. Raises DataError with one sentence for a file that cannot be used."""
        arrived = self.arrive()
        try:
            with (arrived / GIVEN).open("wb") as file:
                shutil.copyfileobj(stream, file)
            return self.accept(arrived, name, family)
        finally:
            shutil.rmtree(arrived, ignore_errors=True)

    @full_disk_as_data_error()
    def accept(self, arrived: Path, name: str, family: Family) -> Dataset:
        """Keep the file in a folder from ``arrive``, with its profile; the folder is deleted if that fails."""
        # Imported here: who only deletes or lists datasets needs no reader of pictures and tables.
        from training.datasets.profile import pictures, tables

        try:
            file = arrived / GIVEN
            found = pictures.profile(file) if family == "image" else tables.profile(file, shortened(name, 80))
            now = datetime.now().astimezone()
            dataset = Dataset(
                dataset=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(16)}",
                name=shortened(name),
                created=now,
                **dict(found),
            )
            file.replace(arrived / file_name(family, file))
            write_whole(arrived / PROFILE, dataset.model_dump_json())
            arrived.replace(self._root / dataset.dataset)
        except BaseException:
            shutil.rmtree(arrived, ignore_errors=True)
            raise
        return dataset

    def get(self, dataset_id: str) -> Dataset:
        """A dataset. Raises UnknownDataset."""
        try:
            if not ID.fullmatch(dataset_id):
                raise FileNotFoundError
            return Dataset.model_validate_json((self._root / dataset_id / PROFILE).read_bytes())
        except (OSError, ValueError):
            raise UnknownDataset(
                f"There is no dataset {dataset_id[:64]!r}: it was deleted, if only after an hour. Send the file again."
            ) from None

    def with_target(self, dataset_id: str, column: str, kind: Question | None = None) -> Dataset:
        """A dataset with the profile that it has when a column is its target. Raises UnknownDataset, DataError."""
        from training.datasets.profile import tables

        kept = self.get(dataset_id)
        if kept.family == "image":
            raise DataError("An archive of pictures has no columns, so no target.")
        return kept.model_copy(update=dict(tables.profile(self.path(dataset_id), kept.name, column, kind)))

    def path(self, dataset_id: str) -> Path:
        """The file of a dataset: ``data.csv``, ``data.parquet`` or ``pictures.zip``. Raises UnknownDataset."""
        folder = self._root / self.get(dataset_id).dataset
        return next(folder / name for name in (PICTURES, PARQUET, CSV) if (folder / name).exists())

    def all(self) -> list[Dataset]:
        """Every dataset, the newest first."""
        found = []
        for folder in sorted(self._root.glob("[0-9]*"), reverse=True) if self._root.is_dir() else ():
            with suppress(UnknownDataset):
                found.append(self.get(folder.name))
        return found

    def delete(self, dataset_id: str) -> None:
        """Delete a dataset with its file; does nothing when it is gone."""
        with suppress(UnknownDataset):
            shutil.rmtree(self._root / self.get(dataset_id).dataset, ignore_errors=True)

    def sweep(self) -> None:
        """Delete datasets that nobody has used for an hour."""
        arrivals.sweep(self._root)


def file_name(family: Family, file: Path) -> str:
    """The name under which a file is kept: ``data.csv``, ``data.parquet`` or ``pictures.zip``."""
    # Imported here for the same reason.
    from training.datasets.frame import is_parquet

    if family == "image":
        return PICTURES
    with file.open("rb") as opened:
        return PARQUET if is_parquet(opened) else CSV
