"""Files on their way from a person's browser through the page's temporary folder to the API.

The page keeps nothing of the files of a batch prediction or a data set: it releases its own copy as soon as the API has
the files or has refused them, and the copy is deleted some seconds later.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import gradio as gr
from gradio.utils import get_upload_folder

from settings import MAX_BODY_BYTES
from ui.kit.client import ApiError, Client, Headers

TOO_MANY = "These are more than {} files. Put them into one ZIP file and give that."
TOO_LARGE = "Together they have more than {} MB. Give them in smaller parts."
PICTURE_GONE = "Your picture is no longer here. Give it again."
GONE = "The file did not arrive here as a whole. Give it again."

# A file as Gradio describes it: the path of its copy, and the name that the person knows.
Given = dict[str, Any]


class LateFile(io.RawIOBase):
    """A file that is open only while it is read: a process may not have a thousand of them open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """Any place in it can be read."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._file.tell() if self._file else self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Read on from another place. The file stays closed: a caller may only want its size."""
        self._close()
        self._place = offset + (self._path.stat().st_size if whence == io.SEEK_END else 0)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """The next bytes; it is closed again after the last one."""
        if self._file is None:
            self._file = self._path.open("rb")
            self._file.seek(self._place)
        chunk = self._file.read(size)
        if not chunk:
            self._close()
        return chunk

    def close(self) -> None:
        """Close it for good."""
        self._close()
        super().close()

    def _close(self) -> None:
        if self._file:
            self._place = self._file.tell()
            self._file.close()
        self._file = None


async def pass_on(api: Client, model: str, given: list[Given], headers: Headers, request: gr.Request) -> dict[str, Any]:
    """What the API's check of these files found. Raises ApiError; releases the page's own copy in any case."""
    return await _sent(api, given, lambda files: api.upload(model, files, headers), request)


async def pass_on_dataset(
    api: Client, family: str, given: Given, headers: Headers, request: gr.Request
) -> dict[str, Any]:
    """The API's profile of a data set. Raises ApiError; releases the page's own copy in any case."""
    return await _sent(api, [given], lambda files: api.add_dataset(family, files[0], headers), request)


async def pass_on_pictures(api: Client, name: str, classes: dict[str, list[str]], headers: Headers) -> dict[str, Any]:
    """The API's profile of pictures, which go as an archive of class folders. Raises ApiError.

    After a refusal a person may go on with them, so that the page's own copies are not released here.
    """
    paths = {label: [_inside(path) for path in given] for label, given in classes.items()}
    every = [path for given in paths.values() for path in given]
    try:
        most = (await api.about())["limits"]["upload_bytes"]
        if sum(path.stat().st_size for path in every) > most:
            raise ApiError(TOO_LARGE.format(most // 1024**2))
        with tempfile.TemporaryFile() as archive:
            await asyncio.to_thread(_pack, archive, paths)
            return await api.add_dataset("image", (name, cast(BinaryIO, archive)), headers)
    except OSError as error:
        raise ApiError(GONE) from error


def _pack(archive: IO[bytes], paths: dict[str, list[Path]]) -> None:
    """A folder for each class; pictures are packed already, so they are only stored."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for label, given in paths.items():
            for number, path in enumerate(given, 1):
                packed.write(path, f"{label}/{number}{path.suffix}")
    archive.seek(0)


async def _sent(
    api: Client,
    given: list[Given],
    send: Callable[[list[tuple[str, BinaryIO]]], Awaitable[dict[str, Any]]],
    request: gr.Request,
) -> dict[str, Any]:
    try:
        paths = [_inside(item["path"]) for item in given]
        limits = (await api.about())["limits"]
        if len(given) > limits["upload_files"]:
            raise ApiError(TOO_MANY.format(limits["upload_files"]))
        if sum(path.stat().st_size for path in paths) > limits["upload_bytes"]:
            raise ApiError(TOO_LARGE.format(limits["upload_bytes"] // 1024**2))
        names = [item.get("orig_name") or path.name for item, path in zip(given, paths, strict=True)]
        files = [(name, cast(BinaryIO, LateFile(path))) for name, path in zip(names, paths, strict=True)]
        return await send(files)
    except OSError as error:
        raise ApiError(GONE) from error
    finally:
        release(given, request)


def read(path: str) -> bytes:
    """A picture that this visitor gave. Raises ApiError when it is no longer here, or too large to be answered.

    Screens open files here and nowhere else. Before an event reaches the page, it is checked that a session names only
    files that it uploaded itself.
    """
    found = _inside(path)
    try:
        if found.stat().st_size > MAX_BODY_BYTES:
            raise ApiError(f"The picture has more than {MAX_BODY_BYTES // 1024**2} MB. Give a smaller one.")
        return found.read_bytes()
    except OSError:
        raise ApiError(PICTURE_GONE) from None


def release(given: list[Given], request: gr.Request) -> None:
    """This visitor's page no longer needs its copy of these files. Call it on the event loop.

    Files of the same name and content have one path, so it is for the page's guard to say who else needs them.
    """
    for item in given:
        request.state.release(item["path"])


def _inside(path: str) -> Path:
    """A path in the page's folder of uploads. Raises ApiError for any other."""
    try:
        found = Path(path).resolve()
    except (OSError, ValueError):
        raise ApiError(GONE) from None
    if not found.is_relative_to(Path(get_upload_folder()).resolve()):
        raise ApiError(GONE)
    return found
