"""The screen of a table model: a row of numbers in, its class out, and why.

The API says which features there are; the form is drawn for them when it first answers.
"""

from __future__ import annotations

import random
from typing import Any

import gradio as gr
from gradio.blocks import Block

from ui.kit import clock
from ui.kit.cards import card, code_box, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.models import Shown
from ui.kit.templates import render
from ui.kit.updates import EVENTS, Sent, Updates, changed
from ui.kit.visitor import address_of
from ui.predict.answer import Answer, answer_to
from ui.predict.form import Example, Form, Values, empty_text, medians
from ui.predict.pushes import pushes_card
from ui.predict.snippets import public_api, row_code

REAL_ROWS = 2
SEEDS = 2**32
THRESHOLD = "Call a row {} from this probability on. Lower: fewer misses, more false alarms."
WAITING = quiet("The form appears as soon as the model is up.")

# What the form is drawn for: the features and the labels of the model.
Columns = dict[str, Any]


class Screen:
    """The screen; creating it puts it on the page."""

    def __init__(self, api: Client, model: Shown, public_url: str | None) -> None:
        self.api, self.model, self.public_url = api, model, public_url
        prefix = f"air-{model.name}"
        self.columns, self.real = gr.State(None), gr.State(None)
        self.filling, self.retry = clock.timer(clock.RETRY), clock.timer(clock.RETRY, active=False)
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=6, min_width=300):
                html(render("predict/table_intro.html", model=model))
                self.waiting = html(WAITING)
                gr.render(self.columns, [self.columns.change], show_progress="hidden")(self._draw_form)
                self.glance = html(elem_id=f"{prefix}-glance", elem_classes="air-glance-line")
            with gr.Column(scale=5, min_width=300):
                self.shown = html(card("Answer", WAITING), elem_id=f"{prefix}-answer")
                self.threshold = gr.Slider(
                    maximum=1,
                    value=0.5,
                    step=0.01,
                    label="Threshold",
                    info=THRESHOLD.format(model.positive),
                    visible=model.positive is not None,
                    elem_id=f"{prefix}-threshold",
                )
                self.figures = html(elem_id=f"{prefix}-figures")
                self.pushes = html(elem_id=f"{prefix}-pushes")
                self.code = code_box()
        self.answers: list[Block] = [self.shown, self.glance, self.figures, self.pushes, self.code, self.retry]

    def _draw_form(self, columns: Columns | None) -> None:
        """The form of one visitor, with its events."""
        if columns is None:
            return
        form, seen = Form(columns["features"]), gr.State({})
        inputs = [self.threshold, self.real, *form.fields]
        outputs = [seen, self.real, *self.answers, *form.fields]

        async def edited(
            before: Sent, request: gr.Request, threshold: float, real: Example | None, *values: float | None
        ) -> Updates:
            """The answer to the form as it is now, and a word at each field that needs one."""
            answer = await self._answer(columns, values, threshold, real, request)
            return answer | changed(seen, before, form.notes(values))

        async def load(request: gr.Request, threshold: float, last: Example | None) -> Updates:
            """A validation row into the form, another one than the last."""
            try:
                rows = await self.api.examples(self.model.name, REAL_ROWS, random.randrange(SEEDS))
            except ApiError as error:
                return self._no_answer(error)
            example = next((row for row in rows if row != last), rows[0])
            values = [example["row"][feature["name"]] for feature in form.features]
            answer = await self._answer(columns, values, threshold, example, request)
            return answer | {seen: {}, self.real: example} | form.filled(values)

        async def reset(request: gr.Request, threshold: float) -> Updates:
            """Typical values; the form is drawn anew where the model has other features now."""
            return await self._fill(threshold, request) | {seen: {}} | form.filled(medians(form.features))

        form.load.click(load, [self.threshold, self.real], outputs, **EVENTS)
        form.reset.click(reset, self.threshold, [*self._filled, seen, *form.fields], **EVENTS)
        # One event for all of them, so that an answer to older values cannot come after a newer one.
        changes = [self.threshold.input, self.retry.tick, *(field.input for field in form.fields)]
        gr.on(changes, edited, [seen, *inputs], outputs, **EVENTS)

    @property
    def _filled(self) -> list[Block]:
        return [self.waiting, self.columns, self.filling, *self.answers]

    async def _fill(self, threshold: float, request: gr.Request) -> Updates:
        """The features for the form once the API has them, and the answer to typical values."""
        try:
            features = await self.api.features(self.model.name)
            columns = {"features": features, "labels": (await self.api.model(self.model.name))["labels"]}
        except ApiError as error:
            text = WAITING if error.passing else notice(str(error), "problem")
            return {self.waiting: text, self.filling: gr.update(active=error.passing)}
        answer = await self._answer(columns, medians(features), threshold, None, request)
        return {self.waiting: "", self.columns: columns, self.filling: gr.update(active=False)} | answer

    async def _answer(
        self, columns: Columns, values: Values, threshold: float, real: Example | None, request: gr.Request
    ) -> Updates:
        """Everything beside the form, for the values in the form; `real` is the last real row loaded."""
        features, model = columns["features"], self.model
        empty = [feature for feature, value in zip(features, values, strict=True) if value is None]
        if empty:
            return self._no_answer(ApiError(empty_text(empty)))
        row = {feature["name"]: value for feature, value in zip(features, values, strict=True)}
        try:
            reply = await self.api.predict_row(model.name, row, address_of(request))
            prediction = reply["predictions"][0]
            answer = answer_to(prediction, model, columns["labels"], threshold)
            figures = await self._figures(reply["model"]["version"], answer)
        except ApiError as error:
            return self._no_answer(error)
        truth = real["label"] if real and real["row"] == row else None
        return {
            self.shown: answer.card(reply, truth),
            self.glance: answer.glance(),
            self.figures: figures,
            self.pushes: pushes_card(prediction["contributions"], row, answer) if model.positive else "",
            self.code: row_code(public_api(request, self.public_url), model.name, row, model.probability),
            self.retry: gr.update(active=False),
        }

    async def _figures(self, version: str, answer: Answer) -> str:
        """False alarms and misses of the version that answered."""
        if not answer.positive:
            return ""
        try:
            return answer.tradeoff(await self.api.evaluation(self.model.name, version))
        except ApiError as error:
            return quiet(str(error))

    def _no_answer(self, error: ApiError) -> Updates:
        """Nothing of the last answer stays: it would be read as the answer to these values."""
        text = f"{error} This page tries again by itself." if error.passing else str(error)
        shown = card("Answer", notice(text, "warning" if error.passing else "problem"))
        nothing = dict.fromkeys((self.glance, self.figures, self.pushes, self.code), "")
        return nothing | {self.shown: shown, self.retry: gr.update(active=error.passing)}

    def wire(self, page: gr.Blocks) -> None:
        """Which event calls what; the form has its own events."""
        gr.on([page.load, self.filling.tick], self._fill, self.threshold, self._filled, **EVENTS)


def build(
    api: Client,
    page: gr.Blocks,
    model: Shown,
    public_url: str | None,
    token: gr.State,  # noqa: ARG001 - as the screen of any family
) -> None:
    """Put the screen on the page."""
    Screen(api, model, public_url).wire(page)
