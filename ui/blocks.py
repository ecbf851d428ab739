"""The page: the header and one tab a screen.

Run it with `python -m ui`, or through `python app.py` together with the models.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from settings import MAX_BODY_BYTES
from ui import header, images, retrain, table
from ui.client import Client
from ui.theme import CSS, HEAD, THEME

UPLOADS_CHECKED_S, UPLOADS_KEPT_S = 600, 3600
# What launch() and mount_gradio_app() must be given along with the page.
PAGE_OPTIONS: dict[str, Any] = {
    "theme": THEME,
    "css": CSS,
    "head": HEAD,
    "max_file_size": MAX_BODY_BYTES,
    "footer_links": [],
    "run_history": False,
    "show_error": False,
    "enable_monitoring": False,
    "ssr_mode": False,
}
SCREENS = [("Images", images.build), ("Table", table.build), ("Retrain", retrain.build)]


def build(api_url: str, public_url: str | None = None) -> gr.Blocks:
    """The whole page.

    `api_url` is where this process finds the API. `public_url` is where a person's own machine
    finds it, shown in copied code; without one it is `/api` of the page's own origin.
    """
    api = Client(api_url)
    with gr.Blocks(
        title="AIR Studio",
        analytics_enabled=False,
        delete_cache=(UPLOADS_CHECKED_S, UPLOADS_KEPT_S),
        fill_width=True,
    ) as page:
        header.build(api, page)
        with gr.Tabs() as tabs:
            for name, build_screen in SCREENS:
                with gr.Tab(name, render_children=True):
                    timers = build_screen(api, page, public_url)
                if timers:
                    _only_in_sight(tabs, name, timers)
    return page


def _only_in_sight(tabs: gr.Tabs, name: str, timers: list[gr.Timer]) -> None:
    """Let timers tick only while the tab of this name is open."""

    def opened(event: gr.SelectData) -> list[Any]:
        return [gr.update(active=event.value == name)] * len(timers)

    tabs.select(opened, None, timers, show_progress="hidden", api_visibility="private")
