"""Reading requests: bounded bodies, the forms a body may have, strict query options."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect, Request

from serve_deployments.errors import BadRequest, Invalid, TooLarge, UnsupportedMedia
from serve_deployments.multipart import read_multipart
from settings import MAX_BODY_BYTES, MAX_IMAGES

DRAIN_BYTES = 4 * MAX_BODY_BYTES
MAX_PARTS = 1_000
IMAGE_FORMS = 'multipart parts named "file", a raw image/* body, or JSON {"images": ["<base64>", …]}'


class Options(BaseModel):
    """Query options common to all predict routes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    explain: bool = False
    version: str = Field("champion", max_length=64, description="a version or an alias")


class ImageOptions(Options):
    """Query options of ``/cifar10/predict``."""

    top_k: int = Field(3, ge=1, le=10)
    view: bool = False


O = TypeVar("O", bound=Options)


def read_options(schema: type[O], query: Mapping[str, str]) -> O:
    """Query options, validated. Raises Invalid naming the option and what would be right."""
    if not query:
        return _defaults(schema)
    try:
        return schema.model_validate(dict(query))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise Invalid(f"There is no query option {name!r}; there are {', '.join(schema.model_fields)}.") from None
        raise Invalid(f"Query option {name!r}: {first['msg']}, got {str(first['input'])[:50]!r}.") from None


@lru_cache
def _defaults(schema: type[O]) -> O:
    return schema()


def content_type(request: Request) -> str:
    """The media type of a body, without its parameters; empty when none is named."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request) -> bytes:
    """The whole body, at most MAX_BODY_BYTES. Raises TooLarge, and BadRequest when it is empty.

    A body that is too large is read on and dropped for a while, since a client that is cut off
    while sending sees a broken connection in place of the reason.
    """
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MAX_BODY_BYTES:
                chunks.append(chunk)
            elif size > DRAIN_BYTES:
                break
    except ClientDisconnect as error:
        raise BadRequest("The connection was closed before the body was complete.") from error
    if size > MAX_BODY_BYTES:
        raise TooLarge(f"The body has more than {MAX_BODY_BYTES // 1024**2} MB; send fewer or smaller items.")
    if not size:
        raise BadRequest("The body is empty.")
    return b"".join(chunks)


async def read_images(request: Request) -> list[bytes]:
    """The encoded pictures of a request, 1 to MAX_IMAGES, in any of IMAGE_FORMS. Raises ApiError."""
    kind = content_type(request)
    body = await read_body(request)
    if kind.startswith("image/"):
        images = [body]
    elif kind == "multipart/form-data":
        images = await _multipart_images(request, body)
    elif kind == "application/json":
        images = _json_images(body)
    else:
        raise UnsupportedMedia(f"Content-Type {kind[:80]!r} is not read here; send {IMAGE_FORMS}.")
    if not 1 <= len(images) <= MAX_IMAGES:
        raise Invalid(f"The request has {len(images)} images; send 1 to {MAX_IMAGES}.")
    return images


async def _multipart_images(request: Request, body: bytes) -> list[bytes]:
    async def replay():  # noqa: ANN202 - an async generator of the one chunk
        yield body

    form = await read_multipart(request, replay(), max_files=MAX_PARTS)
    try:
        wrong = [name for name in form if name != "file"]
        if wrong:
            raise Invalid(f'Part {wrong[0][:80]!r} is not read; send each picture in a part named "file".')
        return [await part.read() for part in form.getlist("file")]
    finally:
        await form.close()


def _json_images(body: bytes) -> list[bytes]:
    content = read_json(body)
    items = content.get("images") if isinstance(content, dict) else None
    if not isinstance(items, list) or len(content) != 1:
        raise Invalid('The JSON body must be {"images": ["<base64>", …]} and nothing else.')
    if len(items) > MAX_IMAGES:
        raise Invalid(f"The request has {len(items)} images; send 1 to {MAX_IMAGES}.")
    return [read_base64(item, f"images[{i}]") for i, item in enumerate(items)]


def read_base64(item: Any, name: str) -> bytes:
    """The bytes of a picture that came as base64 under ``name``. Raises Invalid."""
    if not isinstance(item, str):
        raise Invalid(f"{name} is no text; send base64 of the picture's bytes.")
    try:
        return base64.b64decode(item, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{name} is no valid base64; send base64 of the picture's bytes.") from error


async def read_json_request(request: Request) -> Any:
    """The JSON content of a request. Raises UnsupportedMedia, BadRequest, TooLarge."""
    kind = content_type(request)
    body = await read_body(request)
    if kind != "application/json":
        raise UnsupportedMedia(f"Content-Type {kind[:80]!r} is not read here; send application/json.")
    return read_json(body)


def read_json(body: bytes) -> Any:
    """Parsed JSON; NaN and Infinity are no JSON. Raises BadRequest saying where it breaks."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is no valid JSON: {error}. NaN and Infinity are no JSON either.") from error
