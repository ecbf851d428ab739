"""The page: the header and one tab a screen.

Run it with `python -m ui`, or through `python app.py` together with the models.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from settings import MAX_UPLOAD_BYTES
from ui import header
from ui.batch import screen as batch
from ui.cluster import screen as cluster
from ui.kit import clock, sign_in
from ui.kit.client import Client
from ui.kit.theme import CSS, THEME
from ui.predict import images, table
from ui.retrain import screen as retrain
from ui.tuning import screen as tuning

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


def build(api: Client, public_url: str | None = None) -> gr.Blocks:
    """The whole page.

    `public_url` is where a person's own machine finds the API, shown in copied code; without one it is
    `/api` of the page's own origin.
    """
    with gr.Blocks(
        title="AIR Studio",
        analytics_enabled=False,
        fill_width=True,
    ) as page:
        header.build(api, page)
        token = sign_in.token()
        taken = gr.State(None)
        screens = {
            "Images": partial(images.build, token=token),
            "Table": table.build,
            "Retrain": partial(retrain.build, token=token, taken=taken),
            "Tuning": partial(tuning.build, token=token, taken=taken),
            "Batch": partial(batch.build, token=token),
            "Cluster": partial(cluster.build, token=token),
        }
        clocks: dict[gr.Tab, clock.Clock | None] = {}
        with gr.Tabs():
            for name, build_screen in screens.items():
                with gr.Tab(name, render_children=True) as tab:
                    clocks[tab] = build_screen(api, page, public_url)
                tab.select(None, js=f"() => airTabs.opened('{name}')")
        clock.run_in_sight(clocks)
    page.state_session_capacity = MAX_SESSIONS
    return page.queue(api_open=False, max_size=MAX_WAITING)
