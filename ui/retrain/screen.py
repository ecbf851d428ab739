"""The Retrain screen: train a model, watch it, compare it with the champion, promote it, roll back.

A training is a job outside the page, which reads it again every few seconds while the screen is in sight: two
browsers see the same, and a reload loses nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from ui.compare.service import Service, Session
from ui.jobs.buttons import JobButtons
from ui.jobs.view import TRAIN, Job, ahead, bar, headline, job_list, log_text, read_log, watched
from ui.kit import clock
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client, Headers
from ui.kit.models import choices
from ui.kit.templates import render
from ui.kit.updates import EVENTS, Sent, Updates, changed
from ui.kit.visitor import headers_of, with_token
from ui.look.scripts import BUTTONS
from ui.retrain.curves import NOTHING_YET, curves
from ui.retrain.form import Form
from ui.tuning import handover

WAITING = "The trainings appear as soon as the service is up."


class Screen:
    """The components of the screen; creating it puts them on the page."""

    def __init__(self, api: Client, token: gr.State, taken: gr.State) -> None:
        self.api, self.token, self.taken = api, token, taken
        chosen = gr.State(None)
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=5, min_width=300):
                html(render("retrain/intro.html"))
                self.form = Form(api, token, taken, chosen)
                html("<h3>Latest trainings</h3>")
                self.jobs = html(quiet(WAITING), js_on_load=BUTTONS, elem_id="air-jobs")
            with gr.Column(scale=6, min_width=300):
                waiting = render("jobs/none.html", title="The training", text=WAITING)
                self.head = html(waiting, html_template=LIVE, elem_id="air-job")
                self.progress = html(elem_id="air-progress")
                self.curves = html(elem_id="air-curves")
                self.buttons = JobButtons("air", "Cancel this training", "Resume where it stopped", chosen)
                with gr.Accordion("Log", open=False):
                    self.log = html(log_text(""))
        self.sent, self.finished = gr.State({}), gr.State(None)
        self.clock = clock.build()
        with gr.Column(elem_classes="air-below"):
            why_not, acted = self.form.sign_in.why_not, self.buttons.acted
            shared = Session(self.form.model, token, why_not, self.finished, acted, self.clock)
            self.service = Service(api, shared)

    def wire(self) -> None:
        """Make it work."""
        buttons, why_not = self.buttons, self.form.sign_in.why_not
        changing = [self.sent, self.jobs, self.head, self.progress, self.curves, self.log, *buttons.components]
        gr.on(
            [*self.clock.looks, *(state.change for state in (buttons.chosen, buttons.asked, buttons.acted, why_not))],
            self._watch,
            [self.sent, buttons.chosen, buttons.asked, why_not, self.taken, self.token, self.form.model],
            [*changing, self.finished, self.form.model],
            **EVENTS,
        )
        self.form.wire(self.clock)
        self.service.wire()
        buttons.wire(self.api, self.jobs, self.sent, self.token, "air-job")

    async def _watch(
        self,
        before: Sent,
        chosen: str | None,
        asked: str | None,
        why_not: str | None,
        taken: handover.Found | None,
        token: str,
        model: str | None,
        request: gr.Request,
    ) -> Updates:
        """The list of trainings, and the watched one, as they are now."""
        try:
            everything = await self.api.jobs()
            jobs = [job for job in everything if job["kind"] == TRAIN]
            job = watched(jobs, chosen)
            details = await self._details(job, before, headers_of(request), token)
            followed = await self._followed(model, job, before, chosen, taken)
        except ApiError as error:
            return changed(self.sent, before, {self.head: notice(str(error), "warning")})
        now = details | self.buttons.shown(job, asked, may=why_not == "")
        now |= {
            self.jobs: job_list(TRAIN, jobs, job["id"] if job else None),
            self.head: headline(TRAIN, job, ahead(job, everything)),
            self.progress: bar(job),
            self.finished: _finished(job),
        }
        sent = changed(self.sent, before, now, job=job, chosen=chosen, signed=bool(token))
        return sent | followed

    async def _followed(
        self, model: str | None, job: Job | None, before: Sent, chosen: str | None, taken: handover.Found | None
    ) -> Updates:
        """The form follows the training that a person selected, or that the screen found when it was first in sight.

        It does not change while they use it, nor when they brought parameters to train with.
        """
        found = model is None or ("job" not in before and taken is None)
        selected = chosen and chosen != before.get("chosen")
        models = await self.api.catalogue()
        wanted = taken["model"] if taken and not selected else job["model"] if job else None
        if (found or selected) and wanted in models:
            return {self.form.model: choices(models, None) | {"value": wanted}}
        return {self.form.model: choices(models, None)} if found else {}

    async def _details(self, job: Job | None, before: Sent, headers: Headers, token: str) -> Updates:
        """Curves and log; those of a job that has ended are not read again for the same visitor."""
        if job is None:
            return {self.curves: quiet(NOTHING_YET), self.log: log_text("")}
        if job == before.get("job") and job["about"]["state"]["ended"] and before.get("signed") == bool(token):
            return {}
        full, log, champion = await asyncio.gather(
            self.api.job(job["id"]),
            read_log(self.api, job["id"], with_token(headers, token)),
            self._champion(job["model"]),
        )
        return {self.curves: curves(full, champion), self.log: log}

    async def _champion(self, model: str) -> dict[str, Any] | None:
        try:
            return await self.api.champion(model)
        except ApiError:
            return None


def _finished(job: Job | None) -> dict[str, str] | None:
    """The version that the watched training made."""
    if job is None or job["state"] != "succeeded" or not job["result"].get("version"):
        return None
    return {"id": job["id"], "model": job["model"], "version": job["result"]["version"]}


def build(api: Client, token: gr.State, taken: gr.State) -> clock.Clock:
    """Put the screen on the page and wire it; returns the clock that runs only while it is in sight.

    `taken` is what the Tuning screen found, to train with.
    """
    screen = Screen(api, token, taken)
    screen.wire()
    return screen.clock
