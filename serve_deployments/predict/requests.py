"""Reading requests: bounded bodies, the forms a body may have, strict query options."""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import unquote

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from serve_deployments.http.bodies import body_of, content_type
from serve_deployments.http.errors import BadRequest, Invalid, UnsupportedMedia
from serve_deployments.http.multipart import read_multipart
from settings import MAX_BODY_BYTES, MAX_IMAGES
from training.runs import sentences

MAX_PARTS = 1_000
FROM_URL_ALPHABET = str.maketrans("-_", "+/")
IMAGE_FORMS = 'multipart parts named "file", a raw image/* body, or JSON {"images": ["<base64>", …]}'


class Options(BaseModel):
    """Query options common to all predict routes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    explain: bool = False
    version: str = Field("champion", max_length=64, description="a version or an alias")

    def encoding(self) -> dict[str, Any]:
        """The options for a model's ``encode``."""
        return {"explain": self.explain}


class ImageOptions(Options):
    """Query options of the image family."""

    top_k: int = Field(3, ge=1, description="classes to name, at most those of the version that answers")
    view: bool = False

    def encoding(self) -> dict[str, Any]:
        """The options for a model's ``encode``."""
        return {"top_k": self.top_k, "view": self.view}


O = TypeVar("O", bound=Options)


def read_options(schema: type[O], query: Mapping[str, str]) -> O:
    """Query options, validated. Raises Invalid naming the option and the accepted values."""
    if not query:
        return _defaults(schema)
    try:
        return schema.model_validate(dict(query))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise Invalid(f"There is no query option {name!r}; there are {', '.join(schema.model_fields)}.") from None
        raise Invalid(f"Query option {name!r} {sentences.said_of(first)}{sentences.got(first)}.") from None


@lru_cache
def _defaults(schema: type[O]) -> O:
    return schema()


async def read_body(request: Request, most: int = MAX_BODY_BYTES, may_be_empty: bool = False) -> bytes:
    """The whole body, of at most ``most`` bytes. Raises TooLarge, UnsupportedMedia, and BadRequest for an empty one."""
    body = b"".join([piece async for piece in body_of(request, most)])
    if not body and not may_be_empty:
        raise BadRequest("The body is empty.")
    return body


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
        raise UnsupportedMedia(f"Content-Type {kind[:80]!r} is not supported here; send {IMAGE_FORMS}.")
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
            raise Invalid(f'Part {wrong[0][:80]!r} is not supported; send each picture in a part named "file".')
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
    """The bytes of a picture sent as base64 under ``name``, in any common form of base64. Raises Invalid.

    It may be a data URL, have line breaks, use the URL-safe alphabet, and lack padding.
    """
    if not isinstance(item, str):
        raise Invalid(f"{name} is not text; send base64 of the picture's bytes.")
    text = item.strip()
    if text[:5].lower() == "data:":
        kind, _, text = text.partition(",")
        if not kind.lower().endswith(";base64"):
            raise Invalid(f"{name} is a data URL without base64; send base64 of the picture's bytes.")
        text = unquote(text)
    text = "".join(text.split()).translate(FROM_URL_ALPHABET).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{name} is not valid base64; send base64 of the picture's bytes.") from error


async def read_json_request(request: Request) -> Any:
    """The JSON content of a request. Raises UnsupportedMedia, BadRequest, TooLarge."""
    kind = content_type(request)
    body = await read_body(request)
    if kind != "application/json":
        raise UnsupportedMedia(f"Content-Type {kind[:80]!r} is not supported here; send application/json.")
    return read_json(body)


def read_json(body: bytes) -> Any:
    """Parsed JSON, without NaN and Infinity. Raises BadRequest naming the place of the error, or the encoding."""
    try:
        return orjson.loads(body.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        _refuse_other_encodings(body)
        raise BadRequest(f"The body is not valid JSON: {error}. NaN and Infinity are not JSON either.") from error


def _refuse_other_encodings(body: bytes) -> None:
    """Raise BadRequest for text that is not in UTF-8."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in body[:4]:
        raise BadRequest("The body is in UTF-16 or UTF-32; JSON has to be in UTF-8.")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"The body is not in UTF-8, as JSON has to be: byte 0x{body[error.start]:02x} at position {error.start} "
            "is none of it. It may be in Latin-1 or a Windows code page."
        ) from error
