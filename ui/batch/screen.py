"""The Batch screen: predict many pictures or rows in one go, watch it, search the result, take it along.

Run all screens with `python -m ui`. A batch prediction is a job outside the page, so that two
browsers see the same and a reload loses nothing.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.batch import form as batch_form
from ui.batch import result as batch_result
from ui.jobs.buttons import JobButtons
from ui.jobs.view import BATCH, Job, ahead, bar, headline, job_list, log_text, read_log, watched
from ui.kit import clock, sign_in
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client, Headers
from ui.kit.scripts import BUTTONS
from ui.kit.updates import EVENTS, Sent, updates
from ui.kit.visitor import headers_of, with_token
from ui.predict.snippets import public_api

BUTTON_NAMES = ["cancel", "asking", "resume"]
WATCHED = ["jobs", "headline", "bar", "summary", "log", *BUTTON_NAMES, "result"]
INTRO = """\
<div class="air-intro"><h2>Predict many at once</h2>
<p>Give a folder of pictures or a whole table, and take the answers with you as a file. Or let a
version answer the test set, and see what it gets wrong.</p></div>"""
WAITING = quiet("The batch predictions appear as soon as the service is up.")
FILE_GONE = "Its file is deleted. Give it again to predict it."


class Screen:
    """What happens to the jobs; every method is an event's handler or a part of one."""

    def __init__(self, api: Client, public_url: str | None) -> None:
        self.api = api
        self.public_url = public_url
        self._sources: dict[str, str] = {}
        self.buttons: JobButtons

    async def watch(
        self,
        before: Sent,
        chosen: str | None,
        asking: str | None,
        why_not: str | None,
        token: str,
        request: gr.Request,
    ) -> list[Any]:
        """The list of batch predictions, and the watched one, as they are now."""
        try:
            headers = with_token(headers_of(request), token)
            everything = [await self._with_source(job, headers) for job in await self.api.jobs()]
            jobs = [job for job in everything if job["kind"] == BATCH]
            job = watched(jobs, chosen)
            log = await self._log(job, before, headers, token)
        except ApiError as error:
            return updates(WATCHED, before, {"headline": notice(str(error), "warning")})
        state, job_id = (job["state"], job["id"]) if job else ("", "")
        may, done = why_not == "", state == "succeeded"
        stopped = bool(job and job["about"]["state"]["can_resume"])
        # What was uploaded is deleted when its job is stopped; after a failure it is kept for a while.
        again = stopped and (job["config"].get("upload") is None or state != "stopped")
        shown = headline(BATCH, job, ahead(job, everything))
        buttons = self.buttons.shown(job, asking, may, again)
        now = log | dict(zip(BUTTON_NAMES, buttons.values(), strict=True))
        now |= {
            "job": job,
            "jobs": job_list(BATCH, jobs, job_id),
            "headline": shown + (quiet(FILE_GONE) if stopped and not again else ""),
            "bar": bar(job),
            "summary": batch_result.summary(job, public_api(request, self.public_url)) if done else "",
            "result": batch_result.filters(job) if done else None,
        }
        return updates(WATCHED, before, now)

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

    async def _log(self, job: Job | None, before: Sent, headers: Headers, token: str) -> Sent:
        """The log; that of a job that has ended stays as it was, for the same visitor."""
        if job is None:
            return {"log": log_text("")}
        if job == before.get("job") and job["about"]["state"]["ended"] and before.get("signed") == bool(token):
            return {}
        return {"log": await read_log(self.api, job["id"], headers), "signed": bool(token)}


def build(
    api: Client,
    page: gr.Blocks,  # noqa: ARG001 - as all screens
    public_url: str | None,
    token: gr.State,
) -> clock.Clock:
    """Put the screen on the page and wire it; returns the clock that runs only while it is in sight."""
    screen, form = Screen(api, public_url), batch_form.Form(api, public_url)

    with gr.Row(elem_classes="air-screen"):
        with gr.Column(scale=5, min_width=300):
            html(INTRO)
            fields = batch_form.build()
            html("<h3>Latest batch predictions</h3>")
            jobs = html(WAITING, js_on_load=BUTTONS, elem_id="air-batch-jobs")
        with gr.Column(scale=6, min_width=300):
            head = html(f"<h2>The batch prediction</h2>{WAITING}", html_template=LIVE, elem_id="air-batch-job")
            progress = html(elem_id="air-batch-progress")
            buttons = screen.buttons = JobButtons("air-batch", "Cancel this prediction", "Start it again")
            summary = html(elem_id="air-batch-summary")
            with gr.Accordion("Log", open=False):
                log = html(log_text(""))
    ticking = clock.build()
    chosen, asked, acted = buttons.chosen, buttons.asked, buttons.acted
    upload, result = gr.State(None), gr.State(None)
    watching, filling = gr.State({}), gr.State({})
    why_not = sign_in.why_not()
    with gr.Column(elem_classes="air-below"):
        search = batch_result.build()
    batch_result.wire(api, search, result)

    filled = [filling, why_not, fields.sign_in.signing, fields.signed, fields.why, fields.own, fields.how]
    filled += [fields.pictures, fields.table, fields.check, fields.another]
    filled += [fields.version, fields.start, fields.code]
    gr.on(
        [*ticking.glances, fields.model.change, fields.what.change, fields.version.input, upload.change, token.change],
        form.fill,
        [filling, fields.model, fields.what, fields.version, upload, token],
        filled,
        **EVENTS,
    )
    gr.on(
        [*ticking.looks, *(state.change for state in (chosen, asked, acted, why_not))],
        screen.watch,
        [watching, chosen, asked, why_not, token],
        [watching, jobs, head, progress, summary, log, *buttons.components, result],
        **EVENTS,
    )
    sign_in.wire(api, fields.sign_in, fields.signed, token)
    once = EVENTS | {"trigger_mode": "once"}
    for field in (fields.pictures, fields.table):
        taken = [fields.reading, upload, fields.pictures, fields.table, fields.note]
        field.upload(form.given, [field, fields.model, token], taken, preprocess=False, **once)
    fields.another.click(form.another, [upload, token], [upload, fields.reading, fields.note], **once)
    start_from = [fields.model, fields.what, upload, fields.version, token]
    fields.start.click(form.start, start_from, [chosen, fields.note, upload], **once)
    buttons.wire(api, jobs, watching, token, "air-batch-job")
    return ticking
