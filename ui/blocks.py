"""The page: the header and one tab a screen, those that ask the models of a family first."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import gradio as gr

from settings import MAX_UPLOAD_BYTES
from ui import header
from ui.batch import screen as batch
from ui.chapter import screen as chapter
from ui.cluster import screen as cluster
from ui.kit import clock, sign_in
from ui.kit.client import Client
from ui.kit.models import News
from ui.look.theme import CSS, THEME
from ui.predict import images, table
from ui.retrain import screen as retrain
from ui.tuning import screen as tuning
from ui.your_data import screen as your_data

# A session is a megabyte of this one process; the oldest gives way.
MAX_SESSIONS, MAX_WAITING = 300, 200
# What launch() and mount_gradio_app() must be given along with the page.
PAGE_OPTIONS: dict[str, Any] = {
    "theme": THEME,
    "css": CSS,
    "max_file_size": MAX_UPLOAD_BYTES,
    "footer_links": [],
    "run_history": False,
    "show_error": False,
    "enable_monitoring": False,
    "ssr_mode": False,
}
BuildScreen = Callable[[], clock.Clock | None]


def build(api: Client, public_url: str | None = None) -> gr.Blocks:
    """The whole page.

    `public_url` is where a person's own machine finds the API, shown in copied code; without one it is
    `/api` of the page's own origin.
    """
    with gr.Blocks(title="AIR Studio", analytics_enabled=False, fill_width=True) as page:
        news = News(header.build(api, page), gr.State(None))
        token, taken = sign_in.token(), gr.State(None)
        screens: list[tuple[str, BuildScreen]] = [
            ("Images", partial(images.build, api, page, news, public_url, token)),
            ("Table", partial(table.build, api, page, news, public_url)),
            ("Your data", partial(your_data.build, api, news, public_url, token)),
            ("Retrain", partial(retrain.build, api, token, taken)),
            ("Tuning", partial(tuning.build, api, public_url, token, taken)),
            ("Batch", partial(batch.build, api, public_url, token)),
            ("Cluster", partial(cluster.build, api, token)),
            ("Chapter", partial(chapter.build, api, token)),
        ]
        clocks: dict[gr.Tab, clock.Clock | None] = {}
        with gr.Tabs():
            for name, build_screen in screens:
                with gr.Tab(name, render_children=True) as tab:
                    clocks[tab] = build_screen()
                tab.select(None, js=f"() => airTabs.opened({json.dumps(name)})")
        clock.run_in_sight(clocks)
    for event in page.fns.values():
        # gr.render takes no show_progress_on; ui/kit/updates.py says why each event has it.
        event.show_progress_on = event.show_progress_on or []
        if event.renderable:
            event.fn = _on_event_loop(event.fn)
    page.state_session_capacity = MAX_SESSIONS
    return page.queue(api_open=False, max_size=MAX_WAITING)


def _on_event_loop(draw: Callable[..., None]) -> Callable[..., Coroutine[Any, Any, None]]:
    """Draw a form where a visitor's other events are answered.

    In a thread, as Gradio does it, an event that updates a component meanwhile ends the drawing: "dictionary changed
    size during iteration", and the form is missing.
    """

    async def drawn(*inputs: Any) -> None:
        draw(*inputs)

    return drawn
