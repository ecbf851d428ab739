"""The visitors of the page and what they may change: never more than the API would let them.

The headers of a visitor's own request that say how it came are sent with every change that the page makes for them, so
that a visitor through a proxy is as read-only here as there. A token is kept in the server's memory of one browser
session, and nowhere in the page.
"""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from settings import FORWARDED
from ui.kit.client import ApiError, Client, Headers

PASSED_ON = (*FORWARDED, "sec-fetch-site")
# The visitor's address, as HAProxy reports it in public mode; predictions are counted by it.
ADDRESS = "x-air-visitor"
SIGN_IN = "Only those with the admin's token may change things here. Everything can be seen without it."
SIGN_IN_FIRST = "Sign in first: only those with the admin's token may change things here."
DEMO = "This is a read-only demo: you can see everything and change nothing."
PROXY = (
    "You came here through a proxy, and this server accepts changes only from the machine it runs on. "
    "You can see everything."
)
WRONG = "This is not the admin's token. Nothing was changed."
EMPTY = "Type the admin's token first."


@dataclass(frozen=True)
class Permission:
    """Whether a visitor may change things, why not, and whether a token would help."""

    may: bool
    sentence: str = ""
    by_token: bool = False


def headers_of(request: gr.Request) -> list[tuple[bytes, bytes]]:
    """The headers of the visitor's own request that say how it came."""
    found = ((name, request.headers.get(name)) for name in PASSED_ON)
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in found if value]


def address_of(request: gr.Request) -> list[tuple[bytes, bytes]]:
    """The visitor a prediction is for, where predictions are counted by client: the page sends those of many."""
    address = request.headers.get(ADDRESS, "")
    return [(b"x-forwarded-for", address.encode("latin-1", "replace"))] if address else []


def with_token(headers: Headers, token: str) -> Headers:
    """The same with the token, if there is one."""
    return [*headers, (b"authorization", b"Bearer " + token.encode("latin-1"))] if token else headers


async def permission(api: Client, request: gr.Request, token: str) -> Permission:
    """What this visitor may do now. Raises ApiError when the service does not say."""
    access = await api.access(headers_of(request))
    match access["changes"]:
        case "open":
            return Permission(True)
        case "token":
            return Permission(bool(token), "" if token else SIGN_IN_FIRST, by_token=True)
    return Permission(False, DEMO if access["mode"] == "public" else PROXY)


async def headers_for_change(api: Client, request: gr.Request, token: str) -> Headers:
    """The headers of a change by this visitor. Raises ApiError when they may not change anything."""
    allowed = await permission(api, request, token)
    if not allowed.may:
        raise ApiError(allowed.sentence, status=403)
    return with_token(headers_of(request), token if allowed.by_token else "")


async def sign_in(api: Client, request: gr.Request, typed: str) -> str:
    """The token as it was typed, when it is the right one. Raises ApiError."""
    token = typed.strip()
    if not token:
        raise ApiError(EMPTY)
    if not token.isprintable() or any(ord(letter) > 255 for letter in token):
        raise ApiError(WRONG)
    if not await api.token_is_right(with_token(headers_of(request), token)):
        raise ApiError(WRONG)
    return token
