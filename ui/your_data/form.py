"""What becomes of a data set: target, kind of answer, columns, the model's words, and the button that trains it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import gradio as gr
from markupsafe import Markup

from ui.jobs.view import QUEUED, TRAIN
from ui.kit.cards import LIVE, code_box, html, notice
from ui.kit.client import ApiError, Client, Headers
from ui.kit.models import TABLE
from ui.kit.templates import text
from ui.kit.updates import EVENTS, ONCE, Updates, offered
from ui.kit.visitor import headers_for_change, headers_of, with_token
from ui.predict.snippets import public_api
from ui.your_data import columns, wanted
from ui.your_data.wanted import Dataset

NAME_INFO = "Lower-case letters, digits and hyphens: it becomes a part of the address of its answers."
FIELD: dict[str, Any] = {"max_lines": 1, "min_width": 120, "elem_classes": ["air-field"]}
NO_TARGET = "Choose which column the model is to answer."
CREATED = "The model {} is created, but its training could not be queued: {} You can train it on the Retrain screen."


class Form:
    """The components; creating it puts them on the page. ``made`` becomes the new model and its training."""

    def __init__(self, api: Client, public_url: str | None, token: gr.State, dataset: gr.State, made: gr.State) -> None:
        self.api, self.public_url, self.token = api, public_url, token
        self.dataset, self.made, self.note = dataset, made, None
        with gr.Column(visible=False, elem_id="air-data-form") as self.part:
            with gr.Column(visible=False, elem_classes="air-own") as self.table:
                html("<h3>What is to be answered?</h3>")
                self.target = gr.Dropdown(
                    [], label="Target column", info=NO_TARGET, interactive=True, elem_id="air-data-target"
                )
                self.suspicious = html(elem_id="air-data-suspicious", html_template=LIVE)
                self.kind = gr.Radio(
                    wanted.QUESTIONS, value="", label="The answer is", interactive=True, elem_id="air-data-kind"
                )
                self.positive = gr.Dropdown(
                    [],
                    label="Positive class",
                    info="The class that the probability, misses and false alarms are about.",
                    filterable=False,
                    interactive=True,
                    visible=False,
                    elem_id="air-data-positive",
                )
            gr.render(dataset, [dataset.change], show_progress="hidden")(self._draw)
            html("<h3>What is it called?</h3>")
            with gr.Row(elem_classes="air-fields"):
                self.name = gr.Textbox(
                    "", label="Name", info=NAME_INFO, max_length=40, elem_id="air-data-name", **FIELD
                )
                self.title = gr.Textbox(
                    "", label="Title", info="As the page calls it.", max_length=60, elem_id="air-data-title", **FIELD
                )
            self.question = gr.Textbox(
                "",
                label="Question (optional)",
                info="What it answers, in one line.",
                max_length=120,
                elem_id="air-data-question",
            )
            self.start = gr.Button("Create and train", variant="primary", elem_id="air-data-start")
            self.note = html(html_template=LIVE, elem_id="air-data-note")
            self.code = code_box()

    @property
    def fields(self) -> list[Any]:
        """What the request is made of, but for the columns."""
        return [self.dataset, self.name, self.title, self.question, self.target, self.kind, self.positive]

    def _draw(self, dataset: Dataset | None) -> None:
        """The columns of one visitor's data set, and what the button does with them."""
        lines = columns.draw(wanted.features_of(dataset)) if dataset else []

        async def create(token: str, request: gr.Request, *values: Any) -> Updates:
            fixed = values[: len(self.fields)]
            own = columns.read(lines, list(values[len(self.fields) :]))
            return await self._create(_request(*fixed, own), token, request)

        drawn = [field for line in lines for field in line.fields]
        self.start.click(create, [self.token, *self.fields, *drawn], [self.note, self.made, self.dataset], **ONCE)

    async def _create(self, request_: dict[str, Any], token: str, request: gr.Request) -> Updates:
        """Create the model and queue its training."""
        try:
            headers = await headers_for_change(self.api, request, token)
            model = await self.api.create(request_, headers)
        except ApiError as error:
            return {self.note: notice(str(error), "problem")}
        with suppress(ApiError):  # the model has a copy; left alone, the API deletes the file after an hour
            await self.api.forget_dataset(request_["dataset"], headers)
        made = {"model": model["name"], "family": model["about"]["family"], "job": None}
        try:
            made["job"] = await self._train(model["name"], headers)
        except ApiError as error:
            note = notice(CREATED.format(model["name"], error), "warning")
            return {self.note: note, self.made: made, self.dataset: None}
        return {self.note: notice(QUEUED, "good"), self.made: made, self.dataset: None}

    async def _train(self, name: str, headers: Headers) -> str:
        config = next((item["config"] for item in await self.api.presets(name)), {})
        return (await self.api.queue(TRAIN, name, config, headers))["id"]

    def wire(self) -> None:
        """Which event calls what."""
        shown = [self.part, self.table, self.target, self.kind, self.positive]
        shown += [self.name, self.title, self.question, self.code]
        self.dataset.change(self._show, self.dataset, shown, **EVENTS)
        about = [self.dataset, self.target, self.kind]
        answering = [self.target, self.kind, self.positive, self.question]
        self.target.input(self._targeted, about[:2], answering, **EVENTS)
        self.kind.input(self._targeted_as, about, self.positive, **EVENTS)
        gr.on([self.target.change, self.kind.change], self._look, [*about, self.token], self.suspicious, **EVENTS)
        named = [self.target, self.kind, self.positive, self.name, self.title, self.question]
        gr.on([field.change for field in named], self._code, [self.token, *self.fields], self.code, **EVENTS)

    def _show(self, dataset: Dataset | None) -> Updates:
        """The form for a data set that just came, with the proposal filled in."""
        if dataset is None:
            return {self.part: gr.update(visible=False)}
        target = dataset["target"]["column"] if dataset["target"] else None
        names = [column["name"] for column in wanted.features_of(dataset)]
        return {
            self.part: gr.update(visible=True),
            self.table: gr.update(visible=dataset["family"] == TABLE),
            self.name: wanted.name_of(dataset),
            self.title: wanted.title_of(dataset),
        } | self._answering(dataset, target, wanted.kind_for(dataset, target), choices=names, value=target)

    def _targeted(self, dataset: Dataset | None, target: str | None) -> Updates:
        """Another target: the proposal says nothing about its kind."""
        if dataset is None:
            return {self.target: gr.skip()}
        return self._answering(dataset, target, wanted.kind_for(dataset, target))

    def _targeted_as(self, dataset: Dataset | None, target: str | None, kind: str) -> Updates:
        """The same target, answered in another way."""
        return {self.positive: gr.skip() if dataset is None else _positive(dataset, target, kind)}

    async def _look(
        self, dataset: Dataset | None, target: str | None, kind: str, token: str, request: gr.Request
    ) -> Markup | str:
        """What is suspicious about another question than the proposed one, of which the profile says it."""
        if dataset is None or not target or wanted.is_proposed(dataset, target, kind):
            return ""
        question = {"target": target} | ({"kind": kind} if kind else {})
        try:
            about = await self.api.dataset(dataset["dataset"], question, with_token(headers_of(request), token))
        except ApiError as error:
            return notice(str(error), "problem")
        return Markup("").join(notice(sentence, "warning") for sentence in wanted.news_of(dataset, about))

    def _answering(self, dataset: Dataset, target: str | None, kind: str, **own: Any) -> Updates:
        return {
            self.target: gr.update(info=wanted.why_of(dataset, target), **own),
            self.kind: kind,
            self.positive: _positive(dataset, target, kind),
            self.question: gr.update(value="", placeholder=wanted.question_of(dataset, target)),
        }

    async def _code(self, token: str, request: gr.Request, dataset: Dataset | None, *values: Any) -> Any:
        """Code that does the same, without what was changed of single columns."""
        if dataset is None:
            return gr.skip()
        own = _request(dataset, *values, {})
        del own["dataset"]
        return text(
            "your_data/code/create.jinja",
            api=public_api(request, self.public_url),
            name=dataset["name"],
            family=dataset["family"],
            wanted=own,
            token=bool(token),
        )


def _positive(dataset: Dataset, target: str | None, kind: str) -> Any:
    labels, positive = wanted.classes_of(dataset, target, kind)
    if not labels:
        return gr.update(choices=[], value=None, visible=False)
    return offered([(label, label) for label in labels], None) | {"visible": True, "value": positive or labels[-1]}


def _request(
    dataset: Dataset,
    name: str,
    title: str,
    question: str,
    target: str | None,
    kind: str,
    positive: str | None,
    own: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    words = {"name": name, "title": title, "question": question}
    return wanted.request(dataset, words, target, kind, positive, own)
