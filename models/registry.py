"""Versions, aliases and lineage, kept in MLflow's model registry.

    python -m models.registry            list the versions of all models

A version is a numbered checkpoint folder, which ``models.artifact.storage`` reads and writes.
Aliases: ``champion`` is served, ``challenger`` is the newest version that is not, ``previous`` was champion
before. A fresh AIR_HOME imports the folders of ``models/pretrained/`` as version 1.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import requests
from pydantic import BaseModel, ConfigDict

from models import specs
from models.artifact import checkpoint, storage
from models.artifact.storage import ForeignSource
from settings import ROOT, Settings, SettingsError, get_settings, private_folder

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PRETRAINED = ROOT / "models" / "pretrained"
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
MOVE_TAG = "champion-move."
# MLflow servers reject local paths as sources, so we register them as folder://….
FOLDER = "folder://"
REACH_S = 5.0
ALL_RUNS = 3  # mlflow.entities.ViewType.ALL
ALIASES = (CHAMPION, CHALLENGER, PREVIOUS)


class RegistryError(Exception):
    """The registry cannot do this; str() gives the reason."""


class UnknownVersion(RegistryError):
    """No such model, version or alias."""


class InUse(RegistryError):
    """The version is in use and cannot be deleted."""


class RegisteredVersion(BaseModel):
    """One version in the registry."""

    model_config = ConfigDict(frozen=True)

    model: str
    version: str
    aliases: list[str]
    source: str
    run_id: str | None
    created: str


class Move(BaseModel):
    """One move of the champion: promotion or rollback."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["promotion", "rollback"] = "promotion"
    version: str
    before: str
    at: str
    reason: str


class Registry:
    """The registry of one AIR_HOME (or of one MLflow server). Open it in the driver or a job only."""

    def __init__(self, settings: Settings) -> None:
        """Raises RegistryError when the MLflow server does not answer, CheckpointError when the storage does not."""
        self._settings = settings
        self._lock_file = settings.air_home / "registry.lock"
        private_folder(settings.air_home)
        with self._locked():
            self.client = _open_client(settings)
            self._import_pretrained()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Allow one writer at a time among the processes of this machine."""
        with self._lock_file.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def register(self, source: str, run_id: str | None = None) -> str:
        """Add a published checkpoint folder as the newest version and make it challenger.

        The first version of a model becomes champion. Raises CheckpointError if the folder is incomplete.
        """
        with self._locked():
            return self._register(source, run_id)

    def _register(self, source: str, run_id: str | None) -> str:
        metadata = checkpoint.verify(storage.fetch(source, self._settings))
        name = metadata.model
        if name not in specs.names():
            raise RegistryError(f"There is no model {name} any more, so its new version was not registered.")
        if not self._is_known(name):
            self.client.create_registered_model(name)
        first = not self.client.search_model_versions(f"name='{name}'", max_results=1)
        created = self.client.create_model_version(name, source=_registered(source), run_id=run_id)
        version = str(created.version)
        self.client.set_registered_model_alias(name, CHAMPION if first else CHALLENGER, version)
        return version

    def versions(self, model: str) -> list[RegisteredVersion]:
        """Every version of a model, newest first. Raises UnknownVersion for an unknown model."""
        try:
            specs.get(model)
        except specs.UnknownModel as error:
            raise UnknownVersion(str(error)) from None
        return self._versions(model)

    def _versions(self, model: str) -> list[RegisteredVersion]:
        if not self._is_known(model):
            return []
        aliases = self.client.get_registered_model(model).aliases
        found = self.client.search_model_versions(f"name='{model}'", max_results=10_000)
        return [
            RegisteredVersion(
                model=model,
                version=str(item.version),
                aliases=[alias for alias in ALIASES if str(aliases.get(alias)) == str(item.version)],
                source=item.source.removeprefix(FOLDER),
                run_id=item.run_id or None,
                created=datetime.fromtimestamp(item.creation_timestamp / 1000).astimezone().isoformat(),
            )
            for item in sorted(found, key=lambda item: -int(item.version))
        ]

    def resolve(self, model: str, version: str = CHAMPION) -> RegisteredVersion:
        """The version with a number or an alias. Raises UnknownVersion, which lists the existing ones."""
        known = self.versions(model)
        for item in known:
            if version == item.version or version in item.aliases:
                return item
        if version in ALIASES:
            raise UnknownVersion(f"{model} has no {version} at the moment.")
        numbers = ", ".join(item.version for item in known) or "none"
        raise UnknownVersion(f"{model} has no version {version!r}; there are: {numbers}.")

    def set_champion(
        self, model: str, version: str, kind: Literal["promotion", "rollback"] = "promotion", reason: str = ""
    ) -> RegisteredVersion:
        """Move ``champion`` to a version; the old champion becomes ``previous``.

        ``kind`` and ``reason`` go into the history.
        """
        with self._locked():
            target = self.resolve(model, version)
            if CHAMPION in target.aliases:
                return target
            before = self.resolve(model, CHAMPION)
            self.client.set_registered_model_alias(model, PREVIOUS, before.version)
            self.client.set_registered_model_alias(model, CHAMPION, target.version)
            if CHALLENGER in target.aliases:
                self.client.delete_registered_model_alias(model, CHALLENGER)
            move = Move(
                kind=kind,
                version=target.version,
                before=before.version,
                at=datetime.now().astimezone().isoformat(timespec="seconds"),
                reason=reason,
            )
            self.client.set_registered_model_tag(model, f"{MOVE_TAG}{time.time_ns()}", move.model_dump_json())
            return self.resolve(model, CHAMPION)

    def discard(self, model: str, version: str) -> None:
        """Remove a version from the registry and delete its folder.

        Raises UnknownVersion, InUse, StorageError, and ForeignSource for a folder that is not ours; that keeps both.
        """
        with self._locked():
            target = self.resolve(model, version)
            named = f"Version {target.version} of {model}"
            if CHAMPION in target.aliases:
                raise InUse(f"{named} is the champion; put another version into service first.")
            if PREVIOUS in target.aliases:
                raise InUse(f"{named} is the previous champion, which a rollback needs, so it is kept.")
            storage.check_is_ours(target.source, self._settings)
            for alias in target.aliases:
                self.client.delete_registered_model_alias(model, alias)
            self.client.delete_model_version(model, target.version)
        storage.delete(target.source, self._settings)

    def forget(self, model: str) -> None:
        """Delete everything of a model whose spec is gone: versions, folders, runs. Does nothing where nothing is left.

        May be repeated after an interruption. Raises StorageError.
        """
        with self._locked():
            for item in self._versions(model):
                with suppress(ForeignSource):  # a folder of others, which only its owner may delete
                    storage.delete(item.source, self._settings)
            if self._is_known(model):
                self.client.delete_registered_model(model)
            self._forget_runs(model)
            for place in ("mlartifacts", "checkpoints"):
                shutil.rmtree(self._settings.air_home / place / model, ignore_errors=True)

    def _forget_runs(self, model: str) -> None:
        experiment = self.client.get_experiment_by_name(model)
        if experiment is None:
            return
        runs = _all_runs(self.client, experiment.experiment_id)
        for run_id in runs:  # a training that was cut off may have left a folder without a version
            storage.delete(storage.source_of(self._settings, model, run_id), self._settings)
        store = self.client._tracking_client.store
        if experiment.lifecycle_stage == "active":
            # A server only marks it as deleted; another model may have the name some day.
            self.client.rename_experiment(experiment.experiment_id, f"{model} (deleted {time.time_ns()})")
            self.client.delete_experiment(experiment.experiment_id)
        if hasattr(store, "_hard_delete_experiment"):  # a database of ours
            for run_id in runs:
                store._hard_delete_run(run_id)
            store._hard_delete_experiment(experiment.experiment_id)

    def history(self, model: str) -> list[Move]:
        """Every move of the champion, newest first; a model's first champion is not a move."""
        if not self._is_known(model):
            return []
        tags = self.client.get_registered_model(model).tags
        moves = [(int(key.removeprefix(MOVE_TAG)), text) for key, text in tags.items() if key.startswith(MOVE_TAG)]
        return [Move.model_validate_json(text) for _, text in sorted(moves, reverse=True)]

    def _is_known(self, model: str) -> bool:
        """Whether the registry has versions of a model, or had some."""
        return bool(self.client.search_registered_models(filter_string=f"name = '{model}'"))

    def _import_pretrained(self) -> None:
        for name in specs.names():
            shipped = PRETRAINED / name
            if not shipped.is_dir() or self._is_known(name):
                continue
            self._register(self._copy_in(name, shipped), run_id=None)

    def _copy_in(self, name: str, shipped: Path) -> str:
        source = storage.source_of(self._settings, name, "pretrained")
        if storage.exists(source):
            return source
        checkpoint.verify(shipped)
        with storage.writing(source, self._settings) as folder:
            for file in shipped.iterdir():
                if file.name != checkpoint.MANIFEST:
                    shutil.copyfile(file, folder / file.name)
        return source


def _all_runs(client: MlflowClient, experiment_id: str) -> list[str]:
    """The ids of an experiment's runs, those that were deleted too."""
    found, token = [], None
    while True:
        page = client.search_runs([experiment_id], run_view_type=ALL_RUNS, max_results=1_000, page_token=token)
        found += [run.info.run_id for run in page]
        token = page.token
        if not token:
            return found


def _registered(source: str) -> str:
    return source if storage.is_remote(source) else f"{FOLDER}{source}"


def reach(settings: Settings) -> None:
    """Raise RegistryError with one sentence when MLFLOW_TRACKING_URI names a server that does not answer."""
    uri = settings.mlflow_tracking_uri
    if uri is None or not uri.startswith(("http://", "https://")):
        return
    try:
        reply = requests.get(f"{uri.rstrip('/')}/health", timeout=REACH_S)
    except requests.RequestException as error:
        raise RegistryError(
            f"MLFLOW_TRACKING_URI: no MLflow server answers at {storage.without_secrets(uri)}."
        ) from error
    if reply.status_code != 200:
        where = storage.without_secrets(uri)
        raise RegistryError(
            f"MLFLOW_TRACKING_URI: {where} answers with status {reply.status_code}; it is not an MLflow server."
        )


def _open_client(settings: Settings) -> MlflowClient:
    reach(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        # This logger prints the traceback of errors that are raised anyway.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        logging.getLogger("alembic").setLevel(logging.ERROR)
        client = MlflowClient(settings.tracking_uri)
        for name in specs.names():
            if not settings.mlflow_tracking_uri and client.get_experiment_by_name(name) is None:
                client.create_experiment(name, artifact_location=str(settings.air_home / "mlartifacts" / name))
    return client


if __name__ == "__main__":
    try:
        registry = Registry(get_settings())
    except (RegistryError, checkpoint.CheckpointError, SettingsError) as error:
        sys.exit(f"error: {error}")
    for model_name in specs.names():
        for item in registry.versions(model_name):
            print(
                f"{item.model:14} {item.version:>4}  {','.join(item.aliases) or '-':20} {item.created}  {item.source}"
            )
