"""The models that people added: open one on the screen of its family, delete one."""

from __future__ import annotations

import time

import gradio as gr
from gradio.blocks import Block
from markupsafe import Markup

from ui.kit.cards import LIVE, html, notice
from ui.kit.client import ApiError, Client
from ui.kit.models import IMAGE, Models, News
from ui.kit.templates import render
from ui.kit.updates import CLICKS, EVENTS, ONCE, Updates
from ui.kit.visitor import headers_for_change
from ui.look.scripts import BUTTONS, focus_on

TABS = {IMAGE: "Images"}
DELETE = "Delete the model {}? Its versions, its data and its address are deleted. This cannot be undone."
# Opens the tab of a model; its picker is set by the event that changes this.
ON_OPEN = "watch('value', () => { if (props.value && airTabs.open(props.value.split(' ')[0])) scrollTo({top: 0}); });"


class Added:
    """The components; creating it puts them on the page. ``acted`` changes when a model was deleted."""

    def __init__(self, api: Client, token: gr.State, news: News) -> None:
        self.api, self.token, self.news = api, token, news
        html("<h3>Your models</h3>")
        self.list = html(js_on_load=BUTTONS, elem_id="air-own-models")
        with gr.Column(visible=False) as self.asking:
            self.question = html(html_template=LIVE)
            with gr.Row(elem_classes="air-actions"):
                self.yes = gr.Button("Yes, delete it", variant="stop", elem_id="air-model-delete-yes")
                self.no = gr.Button("No, keep it", elem_id="air-model-delete-no")
        self.note = html(html_template=LIVE, elem_id="air-model-note")
        self.leading = html(html_template="<span></span>", js_on_load=ON_OPEN, elem_classes="air-carrier")
        self.doubted, self.acted = gr.State(None), gr.State(0)

    def shown(self, models: Models, states: dict[str, str], may: bool) -> Updates:
        """The list, for who may change it or not."""
        own = [model for model in models.values() if model.own]
        return {self.list: render("your_data/models.html", models=own, states=states, may=may)}

    @property
    def leads(self) -> list[Block]:
        """What ``to`` changes."""
        return [self.news.opened, self.leading]

    def to(self, name: str, family: str) -> Updates:
        """Show a model on the screen of its family."""
        at = time.time_ns()
        return {self.news.opened: {"model": name, "at": at}, self.leading: f"{TABS.get(family, 'Table')} {at}"}

    async def _clicked(self, event: gr.EventData) -> Updates:
        """Open one, or ask whether to delete it."""
        try:
            model = await self.api.shown(event.model)
        except ApiError as error:
            return {self.note: notice(str(error), "problem")}
        if event.do == "delete":
            return {self.doubted: model.name, self.note: ""}
        return self.to(model.name, model.family)

    async def _doubt(self, doubted: str | None) -> Updates:
        models = await self.api.catalogue()
        title: Markup | str = notice(DELETE.format(models[doubted].title), "warning") if doubted in models else ""
        return {self.asking: gr.update(visible=bool(title)), self.question: title}

    async def _delete(self, doubted: str | None, token: str, request: gr.Request) -> Updates:
        """Delete the model that the question was about."""
        if not doubted:
            return {self.doubted: None}
        now: Updates = {self.doubted: None, self.acted: time.time_ns()}
        try:
            await self.api.delete(doubted, await headers_for_change(self.api, request, token))
        except ApiError as error:
            return now | {self.note: notice(str(error), "problem")}
        return now | {self.note: notice(f"The model {doubted} is deleted, with its data.", "good")}

    def wire(self) -> None:
        """Which event calls what."""
        self.list.select(self._clicked, None, [self.doubted, self.note, *self.leads], **CLICKS)
        asked = self.doubted.change(self._doubt, self.doubted, [self.asking, self.question], **EVENTS)
        asked.then(None, js=focus_on(self.yes.elem_id))
        self.no.click(lambda: None, None, self.doubted, **EVENTS)
        self.yes.click(self._delete, [self.doubted, self.token], [self.doubted, self.note, self.acted], **ONCE)
