"""The Your data screen: drop a file, confirm what it holds, train, and open the model that answers.

The API keeps the file and says what is in it. The training is a job like any other: the Retrain screen shows it, too.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.jobs.view import TRAIN, Job, ahead, bar, headline
from ui.kit import clock, uploads
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.models import IMAGE, TABLE, News
from ui.kit.sign_in import SignIn
from ui.kit.templates import render
from ui.kit.updates import EVENTS, ONCE, Sent, Updates, changed
from ui.kit.uploads import Given
from ui.kit.visitor import headers_for_change, permission
from ui.your_data import wanted
from ui.your_data.added import Added
from ui.your_data.form import Form
from ui.your_data.shots import Shots
from ui.your_data.wanted import Dataset

SEEN_BY = (
    "Whoever can open this page can ask the model and see rows or pictures of its data as examples. Give only what "
    "they may see. Deleting the model deletes its data."
)
EMPTY = "Give a file: what is in it appears here, and nothing is trained before you say so."
READY = "It answers now."
ARCHIVE = ".zip"
# A model that was made here, its family, and the job that trains it.
Made = dict[str, Any]


class Screen:
    """The screen; creating it puts it on the page."""

    def __init__(self, api: Client, news: News, public_url: str | None, token: gr.State) -> None:
        self.api, self.token = api, token
        self.dataset, self.made = gr.State(None), gr.State(None)
        self.filled, self.watched = gr.State({}), gr.State({})
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=4, min_width=300):
                html(render("your_data/intro.html"))
                self.sign_in = SignIn("air-data")
                self.how = html()
                self.file = gr.File(
                    label="Your file",
                    file_types=[".csv", ".parquet", ARCHIVE],
                    height=140,
                    visible=False,
                    interactive=True,
                    elem_id="air-data-file",
                )
                self.reading = html(elem_id="air-data-reading", html_template=LIVE)
                self.another = gr.Button("Take another file", visible=False, elem_id="air-data-another")
                self.shots = Shots(api, token, self.dataset)
                self.sign_in.why.render()
                html(quiet(SEEN_BY))
                self.added = Added(api, token, news)
                self.sign_in.sign_out.render()
            with gr.Column(scale=7, min_width=300):
                self.profile = html(quiet(EMPTY), elem_id="air-data-profile")
                self.form = Form(api, public_url, token, self.dataset, self.made)
                with gr.Column(visible=False, elem_id="air-data-training") as self.training:
                    self.head = html(html_template=LIVE, elem_id="air-data-job")
                    self.progress = html(elem_id="air-data-progress")
                    self.open = gr.Button("Open it", variant="primary", visible=False, elem_id="air-data-open")
        self.clock = clock.build()

    async def _fill(self, before: Sent, dataset: Dataset | None, token: str, request: gr.Request) -> Updates:
        """What this visitor may do, and the models that are there."""
        try:
            allowed = await permission(self.api, request, token)
            models, states = await self.api.catalogue(), await self.api.states()
            limits = (await self.api.about())["limits"]
        except ApiError as error:
            return changed(self.filled, before, {self.sign_in.why: notice(str(error), "warning")})
        now = self.sign_in.shown(allowed) | self.added.shown(models, states, allowed.may)
        now |= {
            self.how: render("your_data/how.html", limits=limits) if allowed.may and dataset is None else "",
            self.file: gr.update(visible=allowed.may and dataset is None),
            self.shots.part: gr.update(visible=allowed.may and dataset is None),
            self.another: gr.update(visible=dataset is not None),
            self.form.start: gr.update(interactive=allowed.may),
        }
        return changed(self.filled, before, now)

    def _arrived(self) -> Updates:
        return {
            self.reading: notice("Uploading it and looking at what is in it …"),
            self.form.note: "",
            self.made: None,
        }

    async def _given(self, file: Given | None, token: str, request: gr.Request) -> Updates:
        """A file came: the API gets it and looks at it."""
        if not file:
            return {self.reading: ""}
        family = IMAGE if str(file.get("orig_name") or file["path"]).lower().endswith(ARCHIVE) else TABLE
        try:
            try:
                headers = await headers_for_change(self.api, request, token)
            except ApiError:
                uploads.release([file], request)
                raise
            dataset = await uploads.pass_on_dataset(self.api, family, file, headers, request)
        except ApiError as error:
            return {self.file: None, self.reading: notice(str(error), "problem"), self.dataset: None}
        return {self.file: None, self.reading: "", self.dataset: dataset}

    async def _take_another(self, dataset: Dataset | None, token: str, request: gr.Request) -> Updates:
        """Take another file: this one is deleted now, or later by itself where that fails."""
        try:
            if dataset:
                headers = await headers_for_change(self.api, request, token)
                await self.api.forget_dataset(dataset["dataset"], headers)
        except ApiError:
            pass
        return {self.dataset: None, self.reading: "", self.form.note: ""}

    def _profiled(self, dataset: Dataset | None, made: Made | None) -> Any:
        """What is in the file; nothing while the model of the last one is trained."""
        if dataset is None:
            return "" if made else quiet(EMPTY)
        title = "What is in it"
        return render(
            "your_data/profile.html",
            title=title,
            dataset=dataset,
            summary=wanted.summary(dataset),
            in_words=wanted.in_words,
        )

    async def _watch(self, before: Sent, made: Made | None) -> Updates:
        """The training of the new model, as it is now, and whether the model answers."""
        if made is None or made["job"] is None:
            return changed(self.watched, before, {self.training: gr.update(visible=False)})
        try:
            jobs = await self.api.jobs()
            job = next((job for job in jobs if job["id"] == made["job"]), None)
            done = job is not None and job["state"] == "succeeded"
            ready = done and (await self.api.states()).get(made["model"]) == "ready"
            models = await self.api.catalogue()
        except ApiError as error:
            return changed(self.watched, before, {self.head: notice(str(error), "warning")})
        title = models[made["model"]].title if made["model"] in models else made["model"]
        now = {
            self.training: gr.update(visible=True),
            self.head: headline(TRAIN, job, ahead(job, jobs)) + (notice(READY, "good") if ready else ""),
            self.progress: bar(job),
            self.open: gr.update(visible=ready, value=f"Open “{title}”"),
        }
        return changed(self.watched, before, now, job=_known(job))

    async def _open(self, made: Made | None) -> Updates:
        """To the screen where it answers."""
        return self.added.to(made["model"], made["family"]) if made else {self.added.leading: gr.skip()}

    def wire(self) -> None:
        """Which event calls what."""
        sign_in, added, dataset = self.sign_in, self.added, self.dataset
        shown = [*sign_in.components, added.list, self.how, self.file, self.shots.part, self.another, self.form.start]
        gr.on(
            [*self.clock.glances, self.token.change, dataset.change, added.acted.change, self.made.change],
            self._fill,
            [self.filled, dataset, self.token],
            [self.filled, *shown],
            **EVENTS,
        )
        sign_in.wire(self.api, self.token)
        arrived = self.file.upload(self._arrived, None, [self.reading, self.form.note, self.made], **ONCE)
        given = [self.file, self.reading, dataset]
        arrived.then(self._given, [self.file, self.token], given, preprocess=False, **ONCE)
        self.another.click(self._take_another, [dataset, self.token], [dataset, self.reading, self.form.note], **ONCE)
        gr.on([dataset.change, self.made.change], self._profiled, [dataset, self.made], self.profile, **EVENTS)
        self.form.wire()
        watching = [self.training, self.head, self.progress, self.open]
        gr.on(
            [*self.clock.looks, self.made.change],
            self._watch,
            [self.watched, self.made],
            [self.watched, *watching],
            **EVENTS,
        )
        self.open.click(self._open, self.made, added.leads, **ONCE)
        self.shots.wire()
        added.wire()


def _known(job: Job | None) -> str | None:
    return job["id"] if job else None


def build(api: Client, news: News, public_url: str | None, token: gr.State) -> clock.Clock:
    """Put the screen on the page; returns the clock that runs only while it is visible."""
    screen = Screen(api, news, public_url, token)
    screen.wire()
    return screen.clock
