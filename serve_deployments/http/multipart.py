"""The files of a multipart body: each part is one, with or without a file's name, and all of them have to arrive."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from serve_deployments.http.errors import BadRequest

NO_NAME = b'; filename=""'


class _WholeFiles(MultiPartParser):
    """Starlette's parser, which neither minds a body without its end nor keeps the bytes of a part without a name."""

    complete = False

    def on_headers_finished(self) -> None:
        """Take a part for a file, whatever it is called."""
        disposition = self._current_part.content_disposition
        if disposition is not None and b"filename" not in disposition:
            self._current_part.content_disposition = disposition + NO_NAME
        super().on_headers_finished()

    def on_end(self) -> None:
        """The closing boundary was there."""
        self.complete = True


async def read_multipart(request: Request, body: AsyncGenerator[bytes, None], max_files: int) -> FormData:
    """The parts of a multipart ``body``, all of them files; the caller closes them. Raises BadRequest."""

    async def whole() -> AsyncGenerator[bytes, None]:
        async for chunk in body:
            yield chunk
        if not parser.complete:  # raised in here, it closes the files that have begun
            raise BadRequest("The multipart body is incomplete: it ends before its closing boundary; send it again.")

    parser = _WholeFiles(request.headers, whole(), max_files=max_files)
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"The multipart body cannot be read: {error.message}") from error
    except (KeyError, ValueError, AssertionError) as error:
        raise BadRequest("The multipart body cannot be read: its boundary or a part's header is wrong.") from error
