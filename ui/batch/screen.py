"""The Batch screen: predict many pictures or rows in one go, watch it, search the result, download it.

A batch prediction is a job outside the page: two browsers see the same, and a reload loses nothing.
"""

from __future__ import annotations

import gradio as gr

from ui.batch.form import Form
from ui.batch.result import filters, summary
from ui.batch.search import Search
from ui.jobs.buttons import JobButtons
from ui.jobs.view import BATCH, Job, ahead, bar, headline, job_list, log_text, read_log, watched
from ui.kit import clock
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client, Headers
from ui.kit.models import known
from ui.kit.templates import render
from ui.kit.updates import EVENTS, Sent, Updates, changed
from ui.kit.visitor import headers_of, with_token
from ui.look.scripts import BUTTONS
from ui.predict.snippets import public_api

WAITING = "The batch predictions appear as soon as the service is up."
FILE_GONE = "Its file is deleted. Give it again to predict it."


class Screen:
    """The screen; creating it puts it on the page."""

    def __init__(self, api: Client, public_url: str | None, token: gr.State) -> None:
        self.api, self.public_url, self.token = api, public_url, token
        self._sources: dict[str, str] = {}
        chosen = gr.State(None)
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=5, min_width=300):
                html(render("batch/intro.html"))
                self.form = Form(api, public_url, token, chosen)
                html("<h3>Latest batch predictions</h3>")
                self.jobs = html(quiet(WAITING), js_on_load=BUTTONS, elem_id="air-batch-jobs")
            with gr.Column(scale=6, min_width=300):
                waiting = render("jobs/none.html", title="The batch prediction", text=WAITING)
                self.head = html(waiting, html_template=LIVE, elem_id="air-batch-job")
                self.progress = html(elem_id="air-batch-progress")
                self.buttons = JobButtons("air-batch", "Cancel this prediction", "Start it again", chosen)
                self.summary = html(elem_id="air-batch-summary")
                with gr.Accordion("Log", open=False):
                    self.log = html(log_text(""))
        with gr.Column(elem_classes="air-below"):
            self.search = Search(api)
        self.clock, self.watched = clock.build(), gr.State({})

    async def _watch(
        self,
        before: Sent,
        chosen: str | None,
        asked: str | None,
        why_not: str | None,
        token: str,
        request: gr.Request,
    ) -> Updates:
        """The list of batch predictions, and the watched one, as they are now."""
        try:
            headers = with_token(headers_of(request), token)
            everything = [await self._with_source(job, headers) for job in await self.api.jobs()]
            jobs = [job for job in everything if job["kind"] == BATCH]
            job = watched(jobs, chosen)
            log = await self._log(job, before, headers, token)
            models = await self.api.catalogue()
        except ApiError as error:
            return changed(self.watched, before, {self.head: notice(str(error), "warning")})
        public = public_api(request, self.public_url)
        done, gone = job if job and job["state"] == "succeeded" else None, _file_is_gone(job)
        now = log | self.buttons.shown(job, asked, may=why_not == "", resumable=not gone)
        now |= {
            self.jobs: job_list(BATCH, jobs, job["id"] if job else None),
            self.head: headline(BATCH, job, ahead(job, everything)) + (quiet(FILE_GONE) if gone else ""),
            self.progress: bar(job),
            self.summary: summary(done, known(models, done["model"]), public) if done else "",
            self.search.result: filters(done) if done else None,
        }
        return changed(self.watched, before, now, job=job, signed=bool(token))

    async def _with_source(self, job: Job, headers: Headers) -> Job:
        """A job that has not ended does not say what its files are called; its upload does."""
        upload = job["config"].get("upload") if job["kind"] == BATCH and not job["about"]["state"]["ended"] else None
        if upload is None:
            return job
        if upload not in self._sources:
            try:
                self._sources[upload] = ", ".join((await self.api.uploaded(upload, headers))["names"])
            except ApiError:
                return job
        return job | {"source": self._sources[upload]}

    async def _log(self, job: Job | None, before: Sent, headers: Headers, token: str) -> Updates:
        """The log; that of a job that has ended is not read again for the same visitor."""
        if job is None:
            return {self.log: log_text("")}
        if job == before.get("job") and job["about"]["state"]["ended"] and before.get("signed") == bool(token):
            return {}
        return {self.log: await read_log(self.api, job["id"], headers)}

    def wire(self) -> None:
        """Which event calls what."""
        buttons, why_not, search = self.buttons, self.form.sign_in.why_not, self.search
        states = [buttons.chosen, buttons.asked, why_not]
        shown = [self.jobs, self.head, self.progress, self.summary, self.log, *buttons.components, search.result]
        gr.on(
            [*self.clock.looks, *(state.change for state in (*states, buttons.acted))],
            self._watch,
            [self.watched, *states, self.token],
            [self.watched, *shown],
            **EVENTS,
        )
        self.form.wire(self.clock)
        search.wire()
        buttons.wire(self.api, self.jobs, self.watched, self.token, "air-batch-job")


def _file_is_gone(job: Job | None) -> bool:
    """The upload of a job that was stopped is deleted; after a failure it is kept for a while."""
    return job is not None and job["state"] == "stopped" and job["config"].get("upload") is not None


def build(api: Client, public_url: str | None, token: gr.State) -> clock.Clock:
    """Put the screen on the page; returns the clock that runs only while it is visible."""
    screen = Screen(api, public_url, token)
    screen.wire()
    return screen.clock
