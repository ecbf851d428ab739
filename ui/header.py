"""The header: what this is in two lines, the versions being served, the state of the service.

Not run by itself; `python -m ui` shows it above the screens.
"""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from ui.kit import clock
from ui.kit.cards import LIVE, html, listed
from ui.kit.client import IMAGES, TABLE, ApiError, Client, Headers
from ui.kit.updates import UNSEEN
from ui.kit.visitor import headers_of

READ_ONLY = "Read-only demo: ask as much as you like, nothing can be changed"
NAMES = {IMAGES: "Images", TABLE: "Table"}

TITLE = """\
<header class="air-title">
  <h1>AIR Studio</h1>
  <p>Two models, trained on real data and served with Ray: one names what a picture shows, one reads
  the measurements of a tissue sample. Every answer says which version gave it and how sure it is.</p>
</header>"""


async def state(api: Client, headers: Headers) -> str:
    """State and served versions of each model, as HTML, for a visitor whose request had these headers."""
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
    return _lines([_line(name, text, serving.get(name, [])) for name, text in states.items()] + notes)


def _versions(model: dict[str, Any]) -> list[str]:
    return sorted({replica["version"] for replica in model["serving"]})


def _line(name: str, text: str, versions: list[str]) -> tuple[str, str]:
    title = NAMES.get(name, name)
    if text != "ready":
        return "waiting", f"{title}: {text}"
    if not versions:
        return "ready", f"{title}: ready"
    word = "version" if len(versions) == 1 else "versions"
    return "ready", f"{title}: {word} {listed(versions)}, ready"


def _lines(lines: list[tuple[str, str]]) -> str:
    items = "".join(f'<li class="air-{kind}">{escape(text)}</li>' for kind, text in lines)
    return f'<ul aria-label="State of the service">{items}</ul>'


def build(api: Client, page: gr.Blocks) -> None:
    """Put the header on the page and keep it true."""

    async def refresh(shown: str, request: gr.Request) -> Any:
        now = await state(api, headers_of(request))
        # An unchanged line is left alone, or screen readers would announce it at every tick.
        return gr.skip() if now == shown else now

    with gr.Row(elem_id="air-header", equal_height=True):
        html(TITLE, elem_id="air-what")
        status = html(_lines([("waiting", "Asking the service …")]), elem_id="air-status", html_template=LIVE)
    timer = clock.timer(clock.STATE)

    gr.on(
        [page.load, timer.tick],
        refresh,
        inputs=status,
        outputs=status,
        concurrency_limit=None,
        **UNSEEN,
    )
