"""The Retrain screen: train a model, watch it, see whether it is better, put it into service, take it back.

Run all screens with `python -m ui`. What is shown is asked for again and again while the screen is
in sight, so that two browsers see the same and a reload loses nothing.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import gradio as gr

from ui import service, train_form
from ui.cards import html, notice, quiet
from ui.client import IMAGES, TABLE, ApiError, Client
from ui.curves import NOTHING_YET, curves
from ui.jobs_view import CANCELLABLE, ENDED, RESUMABLE, bar, headline, job_list, log_text, watched
from ui.updates import EVENTS, Sent, updates
from ui.visitor import headers_for_change

# The first look comes at once, when the screen comes into sight.
FIRST_S, FAST_S = 0.2, 2
WATCHED = ["jobs", "headline", "bar", "curves", "log", "cancel", "asking", "resume", "finished", "model", "fast"]
INTRO = """\
<div class="air-intro"><h2>Train a model again</h2>
<p>Press one button and watch a model learn. When it is done, see whether it is better than the one in
service (the champion), put it into service, and take it back if you change your mind.</p></div>"""
WAITING = quiet("The trainings appear as soon as the service is up.")
LIVE = '<div role="status">${value}</div>'
SHOW_ON_NARROW = """\
() => {
  if (window.matchMedia('(max-width: 760px)').matches) {
    document.getElementById('air-job').scrollIntoView({block: 'start'});
  }
}"""
# The button that asks is gone once it is pressed, so the focus goes on to the question as soon as it is there.
FOCUS_YES = """\
() => {
  let tries = 50;
  const look = setInterval(() => {
    const yes = document.getElementById('air-cancel-yes');
    yes?.focus();
    if (document.activeElement === yes || !--tries) clearInterval(look);
  }, 100);
}"""
# A list that is drawn again gives the focus back to the button that had it.
ON_JOBS = """\
let last = null;
element.addEventListener('focusin', event => { last = event.target.closest('button')?.dataset.job ?? null; });
element.addEventListener('focusout', event => { if (event.relatedTarget) last = null; });
watch('value', () => {
  if (!last || document.activeElement !== document.body) return;
  element.querySelector(`button[data-job="${CSS.escape(last)}"]`)?.focus({preventScroll: true});
});
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-job]');
  if (button) trigger('select', {job: button.dataset.job});
});"""


class Screen:
    """What happens to the jobs; every method is an event's handler or a part of one."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def watch(self, before: Sent, chosen: str | None, asking: str | None, why_not: str | None) -> list[Any]:
        """The list of jobs, and the watched one, as they are now."""
        try:
            jobs = await self.api.jobs()
            job = watched(jobs, chosen)
            details = await self._details(job, before)
        except ApiError as error:
            return updates(WATCHED, before, {"headline": notice(str(error), "warning")})
        state, job_id = (job["state"], job["id"]) if job else ("", "")
        may = why_not == ""
        done = state == "succeeded" and job["result"].get("version")
        now = details | {
            "chosen": chosen,
            "job": job,
            "jobs": job_list(jobs, job_id),
            "headline": headline(job),
            "bar": bar(job),
            "cancel": gr.update(visible=state in CANCELLABLE and asking != job_id, interactive=may),
            "asking": gr.update(visible=state in CANCELLABLE and asking == job_id),
            "resume": gr.update(visible=state in RESUMABLE, interactive=may),
            "finished": {"id": job_id, "model": job["model"], "version": job["result"]["version"]} if done else None,
            "fast": gr.update(value=FAST_S),
        }
        # The form follows the job that a person chose or found; it does not change under their hands.
        if job and ("job" not in before or (chosen and chosen != before.get("chosen"))):
            now["model"] = gr.update(value=job["model"])
            before = {key: value for key, value in before.items() if key != "model"}
        return updates(WATCHED, before, now)

    async def _details(self, job: dict[str, Any] | None, before: Sent) -> Sent:
        """Curves and log; a job that has ended stays as it was."""
        if job is None:
            return {"curves": quiet(NOTHING_YET), "log": log_text("")}
        if job == before.get("job") and job["state"] in ENDED:
            return {}
        full, log, champion = await asyncio.gather(
            self.api.job(job["id"]), self.api.log(job["id"]), self._champion(job["model"])
        )
        return {"curves": curves(full, champion), "log": log_text(log)}

    async def _champion(self, model: str) -> dict[str, Any] | None:
        try:
            return await self.api.champion(model)
        except ApiError:
            return None

    async def cancel(self, before: Sent, token: str, request: gr.Request) -> tuple[Any, ...]:
        """Stop the job that is shown."""
        try:
            await self.api.cancel(before["job"]["id"], await headers_for_change(self.api, request, token))
        except ApiError as error:
            return None, notice(str(error), "problem"), time.time_ns()
        return None, "", time.time_ns()

    async def resume(self, before: Sent, token: str, request: gr.Request) -> tuple[Any, ...]:
        """Queue the job that is shown again; it is watched from now on."""
        job_id = before["job"]["id"]
        try:
            await self.api.resume(job_id, await headers_for_change(self.api, request, token))
        except ApiError as error:
            return gr.skip(), notice(str(error), "problem"), time.time_ns()
        return job_id, "", time.time_ns()


def build(api: Client, page: gr.Blocks, public_url: str | None) -> list[gr.Timer]:  # noqa: ARG001 - as all screens
    """Put the screen on the page and wire it; returns the timers that tick only while it is in sight."""
    screen, form = Screen(api), train_form.Form(api)

    with gr.Row(elem_classes="air-screen"):
        with gr.Column(scale=5, min_width=300):
            html(INTRO)
            fields = train_form.build()
            html("<h3>Latest trainings</h3>")
            jobs = html(WAITING, js_on_load=ON_JOBS, elem_id="air-jobs")
        with gr.Column(scale=6, min_width=300):
            head = html(f"<h2>The training</h2>{WAITING}", html_template=LIVE, elem_id="air-job")
            progress = html(elem_id="air-progress")
            drawn = html(elem_id="air-curves")
            with gr.Row(elem_classes="air-actions"):
                cancel = gr.Button("Cancel this training", visible=False, elem_id="air-cancel")
                resume = gr.Button("Resume where it stopped", visible=False, elem_id="air-resume")
            with gr.Row(visible=False, elem_classes="air-actions") as asking:
                yes = gr.Button("Yes, stop it", variant="stop", elem_id="air-cancel-yes")
                no = gr.Button("No, go on", elem_id="air-cancel-no")
            job_note = html(html_template=LIVE, elem_id="air-job-note")
            with gr.Accordion("What it printed", open=False):
                log = html(log_text(""))
    fast, slow = gr.Timer(FIRST_S, active=False), gr.Timer(FIRST_S, active=False)
    token, why_not = gr.State(""), gr.State(None)
    chosen, asked, finished, acted = gr.State(None), gr.State(None), gr.State(None), gr.State(0)
    watching, filling = gr.State({}), gr.State({})
    with gr.Column(elem_classes="air-below"):
        service.build(api, service.Session(fields.model, token, why_not, finished, acted, slow))

    filled = [filling, why_not, fields.signing, fields.signed, fields.why, fields.train, fields.preset]
    filled += [fields.groups[IMAGES], fields.groups[TABLE], slow]
    gr.on(
        [slow.tick, fields.model.change, token.change],
        form.fill,
        [filling, fields.model, fields.preset, token],
        filled,
        **EVENTS,
    )
    gr.on(
        [fast.tick, *(state.change for state in (chosen, asked, acted, why_not))],
        screen.watch,
        [watching, chosen, asked, why_not],
        [watching, jobs, head, progress, drawn, log, cancel, asking, resume, finished, fields.model, fast],
        **EVENTS,
    )
    options = [field for group in fields.options.values() for field in group.values()]
    gr.on(
        [fields.enter.click, fields.password.submit],
        form.sign_in,
        fields.password,
        [token, fields.password, fields.sign_note],
        **EVENTS,
    )
    fields.signed.click(lambda: "", None, token, **EVENTS)
    once = EVENTS | {"trigger_mode": "once"}
    fields.train.click(form.train, [fields.model, fields.preset, token, *options], [chosen, fields.note], **once)
    chosen.change(None, js=SHOW_ON_NARROW)
    jobs.select(_job_of, None, [chosen, asked, job_note], **EVENTS)
    cancel.click(lambda before: before["job"]["id"], watching, asked, **EVENTS).then(None, js=FOCUS_YES)
    no.click(lambda: None, None, asked, **EVENTS)
    yes.click(screen.cancel, [watching, token], [asked, job_note, acted], **once)
    resume.click(screen.resume, [watching, token], [chosen, job_note, acted], **once)
    return [fast, slow]


def _job_of(event: gr.EventData) -> tuple[Any, ...]:
    return event.job, None, ""
