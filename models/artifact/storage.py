"""Storage of checkpoint folders: a folder of this machine, or object storage that all machines can reach.

A *source* is a folder's address in the registry: a path of this machine, or ``s3://bucket/prefix/model/name``
(any address that Arrow or fsspec supports). New folders go to AIR_STORAGE. Object storage has no rename: a folder's
files are uploaded first and its manifest last, and a folder without a manifest does not exist. Reading goes through
a copy in AIR_HOME/cache, which is checked against the manifest before it is used.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from models.artifact import checkpoint
from models.artifact.checkpoint import MANIFEST, METADATA, CheckpointError, Metadata
from settings import Settings

KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s'\"<>]*)")
USER = re.compile(r"^([^/?#@]*@|[^/@]*:[^@]*@)")
# user:password@ whose scheme has already been removed.
LOGIN = re.compile(r"(?<![^\s'\"(=])[^\s'\"():=/@]+:[^\s'\"@]+@(?=\S)")
REFUSED = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "EXPIRED_TOKEN", "INVALID_TOKEN")

T = TypeVar("T")


class StorageError(CheckpointError):
    """The storage cannot be reached or refuses access; str() names the problem and a remedy."""


def is_remote(source: str) -> bool:
    """Whether a source is not a path of this machine."""
    return "://" in source


def without_secrets(value: T) -> T:
    """The value with user, password, query and fragment removed from the addresses in its texts.

    Removes what only looks like one of these too, because a key may contain a slash.
    """
    if isinstance(value, dict):
        return {key: without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return _without_logins(value) if isinstance(value, str) else value


def _without_logins(text: str) -> str:
    text = ADDRESS.sub(lambda found: found[1] + re.split("[?#]", USER.sub("", found[2]))[0], text)
    return LOGIN.sub("", text)


def source_of(settings: Settings, *parts: str) -> str:
    """The source at ``parts`` in the storage: a model and a name, or the runs of trainings."""
    return "/".join([settings.storage, *parts])


def filesystem_of(address: str) -> tuple[Any, str]:
    """Arrow's file system for a remote address, and the path in it. Raises ValueError for an unknown scheme.

    AWS_ENDPOINT_URL names an S3 server other than Amazon's.
    """
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    if address.startswith("s3://") and os.environ.get("AWS_ENDPOINT_URL"):
        return own_s3_server(), address.removeprefix("s3://")
    try:
        return FileSystem.from_uri(address)
    except ValueError:
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(address)
        return PyFileSystem(FSSpecHandler(filesystem)), path


def own_s3_server(anonymous: bool = False) -> Any:
    """Arrow's file system for the server that AWS_ENDPOINT_URL names, with the credentials of the environment."""
    from pyarrow.fs import S3FileSystem

    scheme, _, host = os.environ["AWS_ENDPOINT_URL"].partition("://")
    options = {
        "endpoint_override": host.rstrip("/"),
        "scheme": scheme,
        "region": os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
    }
    if anonymous:
        return S3FileSystem(anonymous=True, **options)
    # Passed explicitly, because the tasks that read and write run in processes that started earlier.
    keys = {
        "access_key": os.environ.get("AWS_ACCESS_KEY_ID"),
        "secret_key": os.environ.get("AWS_SECRET_ACCESS_KEY"),
        "session_token": os.environ.get("AWS_SESSION_TOKEN"),
    }
    return S3FileSystem(**options, **{name: value for name, value in keys.items() if value})


def check(settings: Settings) -> None:
    """Write, read and delete a small file in AIR_STORAGE. Raises StorageError with one sentence."""
    if not is_remote(settings.storage):
        try:
            Path(settings.storage).mkdir(parents=True, exist_ok=True)
            probe = Path(settings.storage, f".write-test-{uuid.uuid4().hex}")
            probe.write_bytes(b"AIR Studio")
            probe.unlink()
        except OSError as error:
            raise StorageError(f"AIR_STORAGE ({settings.storage}) is not writable: {error.strerror}.") from error
        return
    with storage_errors(settings.storage):
        filesystem, path = filesystem_of(source_of(settings, f".write-test-{uuid.uuid4().hex}"))
        _write(filesystem, path, b"AIR Studio")
        _read(filesystem, path)
        filesystem.delete_file(path)


@contextmanager
def writing(source: str, settings: Settings) -> Iterator[Path]:
    """Yield an empty folder to fill; publish it as ``source`` when the block ends without an error.

    Nothing is left when the block raises. Raises FileExistsError if ``source`` exists, StorageError.
    """
    if not is_remote(source):
        with checkpoint.writing(Path(source)) as folder:
            yield folder
        return
    if exists(source):
        raise FileExistsError(f"{without_secrets(source)} already exists; a checkpoint is never overwritten.")
    copy = _copy_of(source, settings)
    shutil.rmtree(copy, ignore_errors=True)
    with checkpoint.writing(copy) as folder:
        yield folder
    try:
        _upload(copy, source)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        with suppress(Exception):
            _delete_remote(source)
        raise


class ForeignSource(CheckpointError):
    """The folder is outside the storage of this app, so the app does not delete it; str() names the folder."""


def check_is_ours(source: str, settings: Settings) -> None:
    """Raise ForeignSource unless a source is a folder of a model, ``model/name``, in AIR_STORAGE or AIR_HOME.

    Whoever can write to the MLflow server decides which sources the registry names, and those may be deleted.
    """
    own = str(settings.air_home / "checkpoints")
    if not any(_is_folder_in(source, place) for place in {settings.storage, own}):
        raise ForeignSource(
            f"{without_secrets(source)} is outside AIR_STORAGE ({without_secrets(settings.storage)}); "
            "delete it where it is."
        )


def _is_folder_in(source: str, place: str) -> bool:
    if is_remote(source) or is_remote(place):
        parts = source.removeprefix(f"{place}/").split("/")
        return source.startswith(f"{place}/") and len(parts) == 2 and not {"", ".", ".."} & set(parts)
    there, root = Path(source).resolve(), Path(place).resolve()
    return there.is_relative_to(root) and len(there.relative_to(root).parts) == 2


def exists(source: str) -> bool:
    """Whether a complete folder is there. Raises StorageError."""
    if not is_remote(source):
        return Path(source).exists()
    with storage_errors(source):
        filesystem, path = filesystem_of(source)
        return bool(filesystem.get_file_info(f"{path}/{MANIFEST}").is_file)


def fetch(source: str, settings: Settings) -> Path:
    """A folder of this machine with the content of ``source``: itself, or its copy in AIR_HOME/cache.

    Raises CheckpointError when it is incomplete or damaged, StorageError.
    """
    if not is_remote(source):
        return Path(source)
    copy = _copy_of(source, settings)
    if copy.exists():
        return copy
    half = copy.parent / f".{uuid.uuid4().hex}.partial"
    folder = half / copy.name
    folder.mkdir(parents=True)
    try:
        _download(source, folder)
        checkpoint.verify(folder)
        with suppress(OSError):  # another process of this machine was faster
            folder.rename(copy)
        return copy
    finally:
        shutil.rmtree(half, ignore_errors=True)


def here(source: str, settings: Settings) -> Path | None:
    """The folder that ``fetch`` would return without a download, or None."""
    folder = _copy_of(source, settings) if is_remote(source) else Path(source)
    return folder if folder.exists() else None


def read_metadata(source: str) -> Metadata:
    """The metadata of a folder; reads no other file. Raises CheckpointError."""
    return _remote_metadata(source) if is_remote(source) else checkpoint.read_metadata(Path(source))


def delete(source: str, settings: Settings) -> None:
    """Delete a folder, this machine's copy of it and what is cached of it; does nothing when it is gone.

    Raises ForeignSource, StorageError.
    """
    check_is_ours(source, settings)
    _delete_cached(source, settings)
    if not is_remote(source):
        shutil.rmtree(Path(source), ignore_errors=True)
        return
    with storage_errors(source):
        _delete_remote(source)
    shutil.rmtree(_copy_of(source, settings), ignore_errors=True)


def _delete_cached(source: str, settings: Settings) -> None:
    """Delete the files of AIR_HOME/cache whose names have the hash of its manifest or of a file of it."""
    folder = here(source, settings)
    if folder is None or not (folder / MANIFEST).is_file():
        return
    hashes = {checkpoint.sha256(folder / MANIFEST), *re.findall(r"[0-9a-f]{64}", (folder / MANIFEST).read_text())}
    for start in {digest[:16] for digest in hashes}:
        for path in (settings.air_home / "cache").glob(f"*{start}*"):
            path.unlink(missing_ok=True)


def _copy_of(source: str, settings: Settings) -> Path:
    above, _, name = source.rpartition("/")
    return settings.air_home / "cache" / "checkpoints" / sha256(above.encode()).hexdigest()[:16] / name


def _upload(folder: Path, source: str) -> None:
    with storage_errors(source):
        filesystem, path = filesystem_of(source)
        files = sorted(file for file in folder.iterdir() if file.name != MANIFEST)
        for file in [*files, folder / MANIFEST]:
            _write(filesystem, f"{path}/{file.name}", file.read_bytes())


def _download(source: str, folder: Path) -> None:
    """Download every file; the manifest first, because without it the folder is incomplete."""
    with storage_errors(source):
        filesystem, path = filesystem_of(source)
        try:
            (folder / MANIFEST).write_bytes(_read(filesystem, f"{path}/{MANIFEST}"))
        except FileNotFoundError as error:
            raise CheckpointError(
                f"{without_secrets(source)}: {MANIFEST} is missing, so the folder is incomplete."
            ) from error
        for name in _names(filesystem, path):
            if name != MANIFEST:
                (folder / name).write_bytes(_read(filesystem, f"{path}/{name}"))


@lru_cache(maxsize=1024)  # a folder never changes
def _remote_metadata(source: str) -> Metadata:
    with storage_errors(source):
        filesystem, path = filesystem_of(source)
        try:
            content = _read(filesystem, f"{path}/{METADATA}")
        except FileNotFoundError as error:
            raise CheckpointError(f"{without_secrets(source)}: {METADATA} is missing.") from error
    return checkpoint.parse_metadata(content, without_secrets(source))


def _delete_remote(source: str) -> None:
    filesystem, path = filesystem_of(source)
    # The manifest goes first: a half-deleted folder must not look complete.
    for remove, gone in ((filesystem.delete_file, f"{path}/{MANIFEST}"), (filesystem.delete_dir, path)):
        with suppress(FileNotFoundError):
            remove(gone)


def _names(filesystem: Any, path: str) -> list[str]:
    from pyarrow.fs import FileSelector

    found = filesystem.get_file_info(FileSelector(path, allow_not_found=True))
    return [info.base_name for info in found if info.is_file]


def _write(filesystem: Any, path: str, content: bytes) -> None:
    with filesystem.open_output_stream(path) as stream:
        stream.write(content)


def _read(filesystem: Any, path: str) -> bytes:
    with filesystem.open_input_stream(path) as stream:
        return stream.read()


@contextmanager
def storage_errors(source: str) -> Iterator[None]:
    """Raise any error of the file system as a StorageError."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        # Arrow raises OSError for every answer of a server, fsspec's file systems raise types of their own.
        raise StorageError(without_secrets(_sentence(source, error))) from error


def _sentence(source: str, error: Exception) -> str:
    text = str(error)
    code = next(iter(re.findall(r"AWS Error (\w+)", text)), "")
    if code == "NO_SUCH_BUCKET":
        return f"AIR_STORAGE: there is no bucket {source.split('/')[2]!r}; create it or name another one."
    if code in REFUSED and not os.environ.get("AWS_ACCESS_KEY_ID"):
        return f"AIR_STORAGE: {source} requires credentials and none were found; set {KEYS}."
    if code in REFUSED:
        return f"AIR_STORAGE: {source} refuses the credentials; check {KEYS} and their permissions."
    if code == "NETWORK_CONNECTION":
        where = os.environ.get("AWS_ENDPOINT_URL") or "Amazon's S3"
        return f"AIR_STORAGE: {where} cannot be reached; check the network and AWS_ENDPOINT_URL."
    reason = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return f"AIR_STORAGE: {source} cannot be used: {reason[:200]}"
