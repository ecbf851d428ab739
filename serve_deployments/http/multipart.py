"""The files of a multipart body: each part is a file, with or without a name, and all must arrive completely."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from serve_deployments.http.errors import BadRequest

NO_NAME = b'; filename=""'


class _WholeFiles(MultiPartParser):
    """Starlette's parser, which by itself accepts a truncated body and keeps no bytes of a part without a file name."""

    complete = False

    def on_headers_finished(self) -> None:
        """Treat every part as a file, whatever its name."""
        disposition = self._current_part.content_disposition
        if disposition is not None and b"filename" not in disposition:
            self._current_part.content_disposition = disposition + NO_NAME
        super().on_headers_finished()

    def on_end(self) -> None:
        """The closing boundary has arrived."""
        self.complete = True


async def read_multipart(request: Request, body: AsyncGenerator[bytes, None], max_files: int) -> FormData:
    """The parts of a multipart ``body``, all of them files; the caller closes them. Raises BadRequest."""

    async def whole() -> AsyncGenerator[bytes, None]:
        async for chunk in body:
            yield chunk
        if not parser.complete:  # raised here, so that the parser closes its files
            raise BadRequest("The multipart body is incomplete: it ends before its closing boundary; send it again.")

    parser = _WholeFiles(request.headers, whole(), max_files=max_files)
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"The multipart body cannot be read: {error.message}") from error
    except (KeyError, ValueError, AssertionError) as error:
        raise BadRequest("The multipart body cannot be read: its boundary or a part's header is wrong.") from error
