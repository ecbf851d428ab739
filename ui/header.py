"""The header: what this is in two lines, the versions being served, the state of the service."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

import gradio as gr
from markupsafe import Markup

from ui.kit import clock
from ui.kit.cards import LIVE, html
from ui.kit.client import ApiError, Client, Headers
from ui.kit.templates import macro
from ui.kit.updates import UNSEEN, Updates
from ui.kit.visitor import headers_of
from ui.kit.words import listed

READ_ONLY = "Read-only demo: ask as much as you like, nothing can be changed"


async def state(api: Client, headers: Headers) -> Markup:
    """State and served versions of each model, for a visitor whose request had these headers."""
    try:
        states = await api.states()
    except ApiError as error:
        return _lines([("waiting", f"{error} This page keeps trying.")])
    try:
        models = await api.models()
        read_only = (await api.access(headers))["changes"] == "off"
    except ApiError:
        models, read_only = [], False
    serving = {model["name"]: _versions(model) for model in models}
    titles = {model["name"]: model["about"]["title"] for model in models}
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


def build(api: Client, page: gr.Blocks) -> gr.State:
    """Put the header on the page and keep it up to date; returns what each model is, by name, which changes with it."""

    async def refresh(shown: str, request: gr.Request) -> Updates:
        now = await state(api, headers_of(request))
        # An unchanged line is left alone, or screen readers would announce it at every tick.
        said: Updates = {} if now == shown else {status: now}
        with suppress(ApiError):
            said[models] = {name: [*asdict(model).values()] for name, model in (await api.catalogue()).items()}
        return said or gr.skip()

    with gr.Row(elem_id="air-header", equal_height=True):
        html(macro("header.html", "title"), elem_id="air-what")
        status = html(_lines([("waiting", "Asking the service …")]), elem_id="air-status", html_template=LIVE)
    models, timer = gr.State({}), clock.timer(clock.STATE)
    gr.on([page.load, timer.tick], refresh, status, [status, models], concurrency_limit=None, **UNSEEN)
    return models
