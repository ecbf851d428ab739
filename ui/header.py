"""The header: what this is in two lines, the versions being served, the state of the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from ui.kit import clock
from ui.kit.cards import LIVE, html
from ui.kit.client import ApiError, Client, Headers
from ui.kit.models import Shown
from ui.kit.templates import macro
from ui.kit.updates import UNSEEN
from ui.kit.visitor import headers_of
from ui.kit.words import listed

READ_ONLY = "Read-only demo: ask as much as you like, nothing can be changed"


async def state(api: Client, titles: dict[str, str], headers: Headers) -> Markup:
    """State and served versions of each model, for a visitor whose request had these headers."""
    try:
        states = await api.states()
    except ApiError as error:
        return _lines([("waiting", f"{error} This page keeps trying.")])
    try:
        serving = {model["name"]: _versions(model) for model in await api.models()}
        read_only = (await api.access(headers))["changes"] == "off"
    except ApiError:
        serving, read_only = {}, False
    notes = [("note", READ_ONLY)] if read_only else []
    return _lines([_line(titles.get(name, name), text, serving.get(name, [])) for name, text in states.items()] + notes)


def _versions(model: dict[str, Any]) -> list[str]:
    return sorted({replica["version"] for replica in model["serving"]})


def _line(title: str, text: str, versions: list[str]) -> tuple[str, str]:
    if text != "ready":
        return "waiting", f"{title}: {text}"
    if not versions:
        return "ready", f"{title}: ready"
    word = "version" if len(versions) == 1 else "versions"
    return "ready", f"{title}: {word} {listed(versions)}, ready"


def _lines(lines: list[tuple[str, str]]) -> Markup:
    return macro("header.html", "state", lines)


def build(api: Client, page: gr.Blocks, models: Sequence[Shown]) -> None:
    """Put the header on the page and keep it up to date."""
    titles = {model.name: model.title for model in models}

    async def refresh(shown: str, request: gr.Request) -> Any:
        now = await state(api, titles, headers_of(request))
        # An unchanged line is left alone, or screen readers would announce it at every tick.
        return gr.skip() if now == shown else now

    with gr.Row(elem_id="air-header", equal_height=True):
        html(macro("header.html", "title"), elem_id="air-what")
        status = html(_lines([("waiting", "Asking the service …")]), elem_id="air-status", html_template=LIVE)
    timer = clock.timer(clock.STATE)
    gr.on([page.load, timer.tick], refresh, status, status, concurrency_limit=None, **UNSEEN)
