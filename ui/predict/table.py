"""The screen of the table models: a row in, its answer out, and why.

The API says which features there are; the form is drawn for them when it first answers.
"""

from __future__ import annotations

import random
import time
from dataclasses import asdict
from typing import Any

import gradio as gr
from gradio.blocks import Block
from markupsafe import Markup

from ui.kit import clock
from ui.kit.cards import card, code_box, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.models import TABLE, News, Shown, of_family, opened, picker, picks, probability_key
from ui.kit.templates import render
from ui.kit.updates import EVENTS, Sent, Updates, changed
from ui.kit.visitor import address_of
from ui.predict.answer import Answer, answer_to
from ui.predict.cells import edits
from ui.predict.form import Example, Form, Values, empty_text, has_typical, row_of, typical, values_of
from ui.predict.pushes import pushes_card
from ui.predict.snippets import public_api, row_code

REAL_ROWS = 2
SEEDS = 2**32
THRESHOLD = "Call a row {} from this probability on. Lower: fewer misses, more false alarms."
WAITING = quiet("The form appears as soon as the model is up.")
WAITING_FOR_ANSWER = quiet("Asking the model …")

# What the form is drawn for: a model, its features and labels, and what the fields begin with; `real` is the real row
# that they begin with, if they do.
Columns = dict[str, Any]
# What was asked last in a form: its columns, the values in the fields, the last real row; `at` distinguishes
# repetitions.
Question = dict[str, Any]


class Screen:
    """The screen; creating it puts it on the page."""

    def __init__(self, api: Client, public_url: str | None) -> None:
        self.api, self.public_url = api, public_url
        prefix = "air-table"
        self.columns, self.question, self.filled = gr.State(None), gr.State(None), gr.State(None)
        self.filling, self.retry = clock.timer(clock.RETRY), clock.timer(clock.RETRY, active=False)
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=6, min_width=300):
                self.model = picker(f"{prefix}-model")
                self.heading = html()
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
                    info=THRESHOLD.format("positive"),
                    visible=False,
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
        form, seen = Form(columns["features"], columns["values"]), gr.State({})

        def edited(before: Sent, last: Question | None, *values: Any) -> Updates:
            """Ask about the form as it is now, with a word at each field that needs one.

            A text field says that it changed when it is drawn, too.
            """
            known = _current(last, columns)
            if list(values) == known["values"]:
                return gr.skip()
            asked = _question(columns, values, known["real"])
            return {self.question: asked} | changed(seen, before, form.notes(values))

        async def load(last: Question | None) -> Updates:
            """A validation row into the form, another one than the last."""
            try:
                rows = await self.api.examples(columns["model"]["name"], REAL_ROWS, random.randrange(SEEDS))
            except ApiError as error:
                return {self.waiting: notice(str(error), "problem")}
            example = next((row for row in rows if row != _current(last, columns)["real"]), rows[0])
            values = values_of(form.features, example["row"])
            asked = {self.question: _question(columns, values, example), self.waiting: ""}
            return asked | {seen: {}} | form.filled(values)

        async def reset() -> Updates:
            """Typical values; the form is drawn anew where the model has other features now."""
            values = typical(form.features)
            now = await self._load(Shown(**columns["model"]))
            return now | {self.question: _question(columns, values), seen: {}} | form.filled(values)

        form.load.click(load, self.question, [self.question, self.waiting, seen, *form.fields], **EVENTS)
        form.reset.click(reset, None, [*self._loaded, self.question, seen, *form.fields], **EVENTS)
        gr.on(
            list(map(edits, form.fields)),
            edited,
            [seen, self.question, *form.fields],
            [self.question, seen, *form.fields],
            **EVENTS,
        )

    @property
    def _loaded(self) -> list[Block]:
        return [self.waiting, self.columns, self.filled, self.filling, *self.answers]

    async def _fill(self, name: str | None, filled: str | None, threshold: float) -> Updates:
        """The form of the chosen model, once the API has it; until then the timer asks again."""
        try:
            models = await self.api.catalogue()
        except ApiError as error:
            text = WAITING if error.passing else notice(str(error), "problem")
            return {self.waiting: text, self.filling: gr.update(active=error.passing)}
        model = of_family(models, TABLE, name)
        offered: Updates = {self.model: picks(models, TABLE, name)}
        if model is None or model.name == filled:
            return offered
        words = {
            self.heading: render("predict/table_intro.html", model=model),
            self.threshold: gr.update(
                info=THRESHOLD.format(model.positive), visible=model.positive is not None, value=threshold
            ),
        }
        return offered | words | self._nothing(WAITING_FOR_ANSWER) | await self._load(model)

    async def _load(self, model: Shown) -> Updates:
        """The features for the form, with typical values or, where it has no such, a real row."""
        real = None
        try:
            features = await self.api.features(model.name)
            if not has_typical(features):
                real = next(iter(await self.api.examples(model.name, 1, 0)), None)
            labels = (await self.api.model(model.name))["labels"]
        except ApiError as error:
            text = WAITING if error.passing else notice(str(error), "problem")
            nothing = {self.waiting: text, self.filling: gr.update(active=error.passing)}
            return nothing | {self.columns: None, self.filled: None} | self._no_answer(error)
        values = values_of(features, real["row"]) if real else typical(features)
        columns = {"model": asdict(model), "features": features, "labels": labels, "values": values, "real": real}
        now = {self.waiting: "", self.columns: columns, self.filled: model.name}
        return now | {self.filling: gr.update(active=False)}

    async def _answer(
        self, question: Question | None, columns: Columns | None, threshold: float, request: gr.Request
    ) -> Updates:
        """Everything beside the form: the answer to the last question in it."""
        if columns is None:  # no form, and beside it why
            return gr.skip()
        question = _current(question, columns)
        features, model, real = columns["features"], Shown(**columns["model"]), question["real"]
        row, empty = row_of(features, question["values"])
        if empty:
            return self._no_answer(ApiError(empty_text(empty)))
        try:
            reply = await self.api.predict_row(model.name, row, address_of(request))
            prediction = reply["predictions"][0]
            answer = answer_to(prediction, model, columns["labels"], threshold)
            figures = await self._figures(model, reply["model"]["version"], answer)
        except ApiError as error:
            return self._no_answer(error)
        truth = real["label"] if real and {name: real["row"].get(name) for name in row} == row else None
        fields = ["label", probability_key(prediction)] if "label" in prediction else ["value"]
        return {
            self.shown: answer.card(reply, row, truth),
            self.glance: answer.glance(),
            self.figures: figures,
            self.pushes: pushes_card(prediction["contributions"], row, answer),
            self.code: row_code(public_api(request, self.public_url), model.name, row, fields),
            self.retry: gr.update(active=False),
        }

    async def _figures(self, model: Shown, version: str, answer: Answer) -> str:
        """False alarms and misses of the version that answered."""
        if not answer.positive:
            return ""
        try:
            return answer.tradeoff(await self.api.evaluation(model.name, version))
        except ApiError as error:
            return quiet(str(error))

    def _no_answer(self, error: ApiError) -> Updates:
        """Nothing of the last answer stays: it would be read as the answer to these values."""
        text = f"{error} This page tries again by itself." if error.passing else str(error)
        shown = self._nothing(notice(text, "warning" if error.passing else "problem"))
        return shown | {self.retry: gr.update(active=error.passing)}

    def _nothing(self, why: Markup) -> Updates:
        nothing = dict.fromkeys((self.glance, self.figures, self.pushes, self.code), "")
        return nothing | {self.shown: card("Answer", why), self.retry: gr.update(active=False)}

    async def _open(self, lead: dict[str, Any] | None, filled: str | None, threshold: float) -> Updates:
        """The model that another screen leads to. What is not shown yet does not say that its value changed."""
        models = await self.api.catalogue()
        name = opened(models, TABLE, lead)
        if name is None:
            return {self.model: gr.skip()}
        now = await self._fill(name, filled, threshold)
        return now | {self.model: picks(models, TABLE, None) | {"value": name}}

    def wire(self, page: gr.Blocks, news: News) -> None:
        """Which event calls what; the form has its own events."""
        about = [self.model, self.filled, self.threshold]
        filled = [self.model, self.heading, self.threshold, *self._loaded]
        begins = [page.load, self.filling.tick, self.model.change, news.come.change]
        gr.on(begins, self._fill, about, filled, **EVENTS)
        news.opened.change(self._open, [news.opened, *about[1:]], filled, **EVENTS)
        # All answers come through one event, so that a slow one cannot replace the answer to a later question.
        asked = [self.question.change, self.columns.change, self.threshold.input, self.retry.tick]
        gr.on(asked, self._answer, [self.question, self.columns, self.threshold], self.answers, **EVENTS)


def _question(columns: Columns, values: Values, real: Example | None = None) -> Question:
    return {"columns": columns, "values": list(values), "real": real, "at": time.time_ns()}


def _current(question: Question | None, columns: Columns) -> Question:
    """The last question in a form, or what it begins with: one in a form that was just replaced is none in this one."""
    if question and all(question["columns"][key] == columns[key] for key in ("model", "features")):
        return question
    return _question(columns, columns["values"], columns["real"])


def build(api: Client, page: gr.Blocks, news: News, public_url: str | None) -> None:
    """Put the screen on the page."""
    Screen(api, public_url).wire(page, news)
