"""The bytes of a request's body: limited in size, unpacked from gzip, and replayed to the next reader."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from serve_deployments.http.errors import BadRequest, TooLarge, UnsupportedMedia

DRAIN_BYTES = 80 * 1024**2
PIECE_BYTES = 1024**2
WITH_GZIP_HEADER = 16 + zlib.MAX_WBITS


def content_type(request: Request) -> str:
    """The media type of a body, without its parameters; empty when none is named."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def body_of(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body, piece by piece, of at most ``most`` bytes. Raises TooLarge, UnsupportedMedia, BadRequest.

    The rest of a body that is too large is read and dropped for a while, because a client that is cut off
    while sending sees a broken connection instead of the reason.
    """
    unpack, finish = _unpacking(request.headers.get("content-encoding", "").strip().lower())
    stream, size = request.stream(), 0
    try:
        async for sent in stream:
            for piece in unpack(sent):
                size += len(piece)
                if size > most:
                    await _drop(stream)
                    raise TooLarge(f"The body has more than {most // 1024**2} MB; send fewer or smaller items.")
                yield piece
    except ClientDisconnect as error:
        raise BadRequest("The connection was closed before the body was complete.") from error
    except zlib.error as error:
        raise BadRequest("The body is not valid gzip, although its Content-Encoding is gzip.") from error
    finish()


def replayed(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` for the next reader: the body that was already read, then what follows it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


async def _drop(stream: AsyncIterator[bytes]) -> None:
    dropped = 0
    async for sent in stream:
        dropped += len(sent)
        if dropped > DRAIN_BYTES:
            return


def _unpacking(encoding: str) -> tuple[Callable[[bytes], Iterator[bytes]], Callable[[], None]]:
    """A function that unpacks the next bytes of a body in pieces of limited size, and one to call at its end."""
    if encoding in ("", "identity"):
        return lambda sent: iter([sent]), lambda: None
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMedia(f"Content-Encoding {encoding[:80]!r} is not supported; send gzip or no encoding.")
    packed = _Gzip()
    return packed.unpack, packed.finish


class _Gzip:
    """Unpacks the members of a gzip stream, one after the other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(WITH_GZIP_HEADER)

    def unpack(self, sent: bytes) -> Iterator[bytes]:
        """The unpacked bytes, in pieces. Raises zlib.error."""
        while sent:
            if self._member.eof:
                self._member = zlib.decompressobj(WITH_GZIP_HEADER)
            yield self._member.decompress(sent, PIECE_BYTES)
            sent = self._member.unconsumed_tail or self._member.unused_data

    def finish(self) -> None:
        """Raise BadRequest when the last member is incomplete."""
        if not self._member.eof:
            raise BadRequest("The gzip body is cut off; send it again.")
