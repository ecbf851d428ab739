"""The search of a batch prediction's result: filters, and its rows one page after another."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.batch.result import ALL, ANY, ERRORS, rows_table
from ui.kit import clock
from ui.kit.cards import html, notice
from ui.kit.client import ApiError, Client
from ui.kit.models import Shown, known
from ui.kit.updates import EVENTS, Sent, Updates, changed

PAGE = 50


class Search:
    """The search; creating it puts it on the page.

    ``result`` holds what it searches: what ``filters`` says of a job, or None.
    """

    def __init__(self, api: Client) -> None:
        self.api = api
        self.result, self.before, self.wanted = gr.State(None), gr.State({}), gr.State(None)
        with gr.Column(visible=False, elem_id="air-batch-rows") as self.box:
            html("<h2>One by one</h2>")
            with gr.Row(elem_classes="air-search"):
                self.show = gr.Radio([("All", ALL)], value=ALL, label="Show", interactive=True, scale=3, min_width=280)
                self.label = gr.Dropdown(
                    [("Any answer", ANY)],
                    value=ANY,
                    label="Answered",
                    filterable=False,
                    interactive=True,
                    scale=1,
                    min_width=180,
                )
            with gr.Row(elem_classes=["air-actions", "air-pages"]):
                self.earlier = _turning("Earlier", "air-batch-earlier")
                self.count = html(html_template='<p role="status">${value}</p>', elem_id="air-batch-count")
                self.later = _turning("Later", "air-batch-later")
            self.table = html(elem_id="air-batch-table-rows")
        self.retry = clock.timer(clock.RETRY, active=False)

    async def _look(
        self, before: Sent, result: dict[str, Any] | None, show: str, label: str, wanted: dict[str, Any] | None
    ) -> Updates:
        """The rows that match; another result is shown from its beginning."""
        if result is None:
            return changed(self.before, before, {self.box: gr.update(visible=False)}, place={})
        other = before.get("place", {}).get("id") != result["id"]
        show, label = (ALL, ANY) if other else (show, label if show != ERRORS else ANY)
        place = {"id": result["id"], "show": show, "label": label}
        offset = wanted["offset"] if wanted and wanted["place"] == place else 0
        now: Updates = {
            self.box: gr.update(visible=True),
            # The values are not touched else: the person may be choosing again right now.
            self.show: gr.update(choices=result["show"], **({"value": ALL} if other else {})),
            # An error has no answer that it could be searched by.
            self.label: gr.update(
                choices=result["labels"], interactive=show != ERRORS, **({"value": ANY} if other else {})
            ),
        }
        asked = {"offset": offset, "limit": PAGE, "show": show} | ({"label": label} if label else {})
        try:
            model = known(await self.api.catalogue(), result["model"])
            now |= self._page(model, offset, await self.api.rows(result["id"], asked))
        except ApiError as error:
            again = " This page tries again by itself." if error.passing else ""
            now[self.table] = notice(f"{error}{again}", "warning")
            now[self.retry] = gr.update(active=error.passing)
        return changed(self.before, before, now, place=place, offset=offset)

    def _page(self, model: Shown, offset: int, page: dict[str, Any]) -> Updates:
        first, last, total = offset + 1, offset + len(page["rows"]), page["total"]
        return {
            self.count: f"{first} to {last} of {total}" if page["rows"] else "0 of 0",
            self.earlier: gr.update(interactive=offset > 0),
            self.later: gr.update(interactive=last < total),
            self.table: rows_table(model, page, first),
            self.retry: gr.update(active=False),
        }

    def wire(self) -> None:
        """Which event calls what."""
        shown = [self.box, self.show, self.label, self.count, self.earlier, self.later, self.table, self.retry]
        changes = [self.result.change, self.wanted.change, self.show.input, self.label.input, self.retry.tick]
        about = [self.before, self.result, self.show, self.label, self.wanted]
        gr.on(changes, self._look, about, [self.before, *shown], **EVENTS)
        self.earlier.click(lambda before: _turned(before, -PAGE), self.before, self.wanted, **EVENTS)
        self.later.click(lambda before: _turned(before, PAGE), self.before, self.wanted, **EVENTS)


def _turning(words: str, elem_id: str) -> gr.Button:
    return gr.Button(words, size="sm", interactive=False, min_width=90, elem_id=elem_id)


def _turned(before: Sent, step: int) -> dict[str, Any]:
    return {"place": before["place"], "offset": max(0, before["offset"] + step)}
