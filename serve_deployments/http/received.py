"""Files of a multipart request, put into a folder."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from starlette.datastructures import UploadFile
from starlette.requests import Request

from serve_deployments.http.bodies import body_of, content_type
from serve_deployments.http.errors import Invalid, TooLarge, Unavailable, UnsupportedMedia
from serve_deployments.http.multipart import read_multipart
from settings import MAX_UPLOAD_BYTES
from training.batch_predict.pictures import ArchiveTooLarge
from training.runs.errors import DataError, disk_full

# The body of these requests, for ``/api/openapi.json``.
FORM = {
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        }
    },
    "required": True,
}
ONE = 'Send one file in a part named "file", and nothing else.'
SEVERAL = 'Send one or more files in parts named "file", and nothing else.'


class Store(Protocol):
    """What keeps files that people send."""

    def arrive(self) -> Path:
        """A new, empty folder for them."""


@contextmanager
def arriving(store: Store) -> Iterator[Path]:
    """Yield a new folder of a store for the files of a request; what the store does not take from it is deleted.

    What is wrong with the files becomes an ApiError.
    """
    arrived = store.arrive()
    try:
        yield arrived
    except ArchiveTooLarge as error:
        raise TooLarge(str(error)) from None
    except DataError as error:
        raise Invalid(str(error)) from None
    finally:
        shutil.rmtree(arrived, ignore_errors=True)


async def receive_files(request: Request, folder: Path, most: int) -> list[str]:
    """Put the files of a request, at most so many, into a folder as 0, 1, …; returns their names. Raises ApiError."""
    kind = content_type(request)
    if kind != "multipart/form-data":
        raise UnsupportedMedia(f'Content-Type {kind[:80]!r} is not supported; send multipart parts named "file".')
    try:
        form = await read_multipart(request, body_of(request, MAX_UPLOAD_BYTES), max_files=max(most, 2))
        try:
            parts = form.multi_items()
            if not parts or len(parts) > most or any(name != "file" for name, _ in parts):
                raise Invalid(ONE if most == 1 else SEVERAL)
            for i, (_, part) in enumerate(parts):
                await asyncio.to_thread(_keep, part, folder / str(i))
            return [part.filename or f"file {i}" for i, (_, part) in enumerate(parts)]
        finally:
            await form.close()
    except OSError as error:
        if full := disk_full(error):
            raise Unavailable(str(full)) from None
        raise


def _keep(part: UploadFile, path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(part.file, file)
