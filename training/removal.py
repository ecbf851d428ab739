"""Delete what AIR_HOME and the registry hold of a model whose spec is gone: nothing of its data stays.

May be repeated after an interruption. Its jobs are the supervisor's (``Supervisor.forget``).
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from models.artifact import storage
from models.registry import Registry
from settings import Settings
from training.batch_predict import uploads
from training.runs.fitting import run_storage
from training.tuning import studies

# What follows a model's name in the folder of a run that may be resumed: a job's id, or that of a command.
RUN = r"(\d{8}-\d{6}-[0-9a-f]{6}|[0-9a-f]{12})"


def forget(model: str, registry: Registry, settings: Settings) -> None:
    """Delete a model's versions, runs, studies, uploads and corrections. Raises StorageError."""
    registry.forget(model)
    uploads.Store(settings).forget(model)
    gone = studies.Store(settings).forget(model)
    runs = [f"{re.escape(model)}-{RUN}", *(f"tune-{re.escape(study.study)}" for study in gone)]
    _forget_runs(re.compile("|".join(runs)), settings)
    shutil.rmtree(settings.air_home / "corrections" / model, ignore_errors=True)


def _forget_runs(named: re.Pattern[str], settings: Settings) -> None:
    """Delete the folders from which a training or a study would resume."""
    from pyarrow.fs import FileSelector

    where = run_storage(settings)
    filesystem, root = where["storage_filesystem"], where["storage_path"]
    with storage.storage_errors(settings.storage):
        for found in filesystem.get_file_info(FileSelector(root, allow_not_found=True)):
            if named.fullmatch(Path(found.path).name):
                filesystem.delete_dir(found.path)
