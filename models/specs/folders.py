"""The folders of the models that users add: written beside the others and renamed, put aside before they are deleted.

    AIR_HOME/models/<name>/         a model: its spec and its data
    AIR_HOME/models/.new-<…>/       one that is being written
    AIR_HOME/models/.gone-<name>/   one that is being removed; whoever finds it finishes that

A kill at any time leaves a whole model or a folder that is not one.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models import specs
from settings import get_settings, private_folder

NEW, GONE = ".new-", ".gone-"
LEFT_BEHIND_S = 3600.0


class CannotAdd(Exception):
    """A model of this name cannot be added now; str() is a sentence."""


@contextmanager
def adding(name: str) -> Iterator[Path]:
    """Yield an empty folder to fill with a spec and its data; the model exists when the block has ended.

    Nothing is left when the block raises. Raises CannotAdd, SettingsError when the spec is wrong, OSError.
    """
    refuse(name)
    folder = specs.own_root() / f"{NEW}{name}-{secrets.token_hex(4)}"
    private_folder(folder)
    try:
        yield folder
        specs.read(folder / specs.FILE)
        with _locked():
            refuse(name)  # another may have been faster
            folder.rename(specs.own_root() / name)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def refuse(name: str) -> None:
    """Raise CannotAdd when there is a model, or a path of the API, of this name, or no room for another model."""
    if name in specs.names():
        raise CannotAdd(f"There is a model {name} already; choose another name, or delete that one first.")
    if name in specs.TAKEN:
        raise CannotAdd(f"{name} is a path of the API; choose another name.")
    if name in put_aside():
        raise CannotAdd(f"The model {name} is being deleted; try again in a moment.")
    if (specs.own_root() / name).exists():
        raise CannotAdd(f"AIR_HOME/models has a folder {name} already; choose another name.")
    most = get_settings().air_max_models
    if len(specs.names()) >= most:
        raise CannotAdd(f"There are {most} models, which is the limit; delete one first, or raise AIR_MAX_MODELS.")


def put_aside() -> list[str]:
    """The names of models whose removal has begun and not ended."""
    return sorted(path.name.removeprefix(GONE) for path in specs.own_root().glob(f"{GONE}*"))


def take_away(name: str) -> None:
    """From here on there is no such model; ``bring_back`` or ``delete`` ends it. Raises UnknownModel."""
    with _locked():
        specs.get(name).folder.rename(_aside(name))


def bring_back(name: str) -> None:
    """The model is there again."""
    with _locked():
        _aside(name).rename(specs.own_root() / name)


def delete(name: str) -> None:
    """Delete the spec and the data of a model that was taken away."""
    shutil.rmtree(_aside(name), ignore_errors=True)


def sweep() -> None:
    """Delete the folders of models whose writing was cut off."""
    for folder in specs.own_root().glob(f"{NEW}*"):
        if time.time() - folder.stat().st_mtime > LEFT_BEHIND_S:
            shutil.rmtree(folder, ignore_errors=True)


def _aside(name: str) -> Path:
    return specs.own_root() / f"{GONE}{name}"


@contextmanager
def _locked() -> Iterator[None]:
    """One change at a time among the processes of this machine."""
    specs.own_root().mkdir(parents=True, exist_ok=True)
    with (specs.own_root() / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
