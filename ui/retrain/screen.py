"""The Retrain screen: train a model, watch it, see whether it is better, put it into service, take it back.

Run all screens with `python -m ui`. What is shown is asked for again and again while the screen is
in sight, so that two browsers see the same and a reload loses nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from ui.compare import service
from ui.jobs import buttons as job_buttons
from ui.jobs.view import ENDED, RESUMABLE, TRAIN, ahead, bar, headline, job_list, log_text, read_log, watched
from ui.kit import clock, sign_in
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import IMAGES, TABLE, ApiError, Client, Headers
from ui.kit.scripts import BUTTONS
from ui.kit.updates import EVENTS, Sent, updates
from ui.kit.visitor import headers_of, with_token
from ui.retrain import form as train_form
from ui.retrain.curves import NOTHING_YET, curves
from ui.tuning import handover

WATCHED = ["jobs", "headline", "bar", "curves", "log", *job_buttons.SHOWN, "finished", "model"]
INTRO = """\
<div class="air-intro"><h2>Train a model again</h2>
<p>Press one button and watch a model learn. When it is done, see whether it is better than the one in
service (the champion), put it into service, and take it back if you change your mind.</p></div>"""
WAITING = quiet("The trainings appear as soon as the service is up.")


class Screen:
    """What happens to the jobs; every method is an event's handler or a part of one."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def watch(
        self,
        before: Sent,
        chosen: str | None,
        asking: str | None,
        why_not: str | None,
        taken: handover.Found | None,
        token: str,
        request: gr.Request,
    ) -> list[Any]:
        """The list of jobs, and the watched one, as they are now."""
        try:
            everything = await self.api.jobs()
            jobs = [job for job in everything if job["kind"] == TRAIN]
            job = watched(jobs, chosen)
            details = await self._details(job, before, headers_of(request), token)
        except ApiError as error:
            return updates(WATCHED, before, {"headline": notice(str(error), "warning")})
        state, job_id = (job["state"], job["id"]) if job else ("", "")
        may = why_not == ""
        done = state == "succeeded" and job["result"].get("version")
        now = details | job_buttons.shown(job_id, state, asking, may, state in RESUMABLE)
        now |= {
            "chosen": chosen,
            "job": job,
            "jobs": job_list(TRAIN, jobs, job_id),
            "headline": headline(TRAIN, job, ahead(job, everything)),
            "bar": bar(job),
            "finished": {"id": job_id, "model": job["model"], "version": job["result"]["version"]} if done else None,
        }
        # The form follows the job that a person chose or found; it does not change under their hands, nor when they
        # brought what to train with.
        found = "job" not in before and taken is None
        if job and (found or (chosen and chosen != before.get("chosen"))):
            now["model"] = gr.update(value=job["model"])
            before = {key: value for key, value in before.items() if key != "model"}
        return updates(WATCHED, before, now)

    async def _details(self, job: dict[str, Any] | None, before: Sent, headers: Headers, token: str) -> Sent:
        """Curves and log; a job that has ended stays as it was, for the same visitor."""
        if job is None:
            return {"curves": quiet(NOTHING_YET), "log": log_text("")}
        if job == before.get("job") and job["state"] in ENDED and before.get("signed") == bool(token):
            return {}
        full, log, champion = await asyncio.gather(
            self.api.job(job["id"]),
            read_log(self.api, job["id"], with_token(headers, token)),
            self._champion(job["model"]),
        )
        return {"curves": curves(full, champion), "log": log, "signed": bool(token)}

    async def _champion(self, model: str) -> dict[str, Any] | None:
        try:
            return await self.api.champion(model)
        except ApiError:
            return None


def build(
    api: Client,
    page: gr.Blocks,  # noqa: ARG001 - as all screens
    public_url: str | None,  # noqa: ARG001 - as all screens
    token: gr.State,
    taken: gr.State,
) -> clock.Clock:
    """Put the screen on the page and wire it; returns the clock that runs only while it is in sight.

    `taken` is what the Tuning screen found, to train with.
    """
    screen, form = Screen(api), train_form.Form(api)

    with gr.Row(elem_classes="air-screen"):
        with gr.Column(scale=5, min_width=300):
            html(INTRO)
            fields = train_form.build()
            html("<h3>Latest trainings</h3>")
            jobs = html(WAITING, js_on_load=BUTTONS, elem_id="air-jobs")
        with gr.Column(scale=6, min_width=300):
            head = html(f"<h2>The training</h2>{WAITING}", html_template=LIVE, elem_id="air-job")
            progress = html(elem_id="air-progress")
            drawn = html(elem_id="air-curves")
            buttons = job_buttons.build("air", "Cancel this training", "Resume where it stopped")
            with gr.Accordion("What it printed", open=False):
                log = html(log_text(""))
    ticking = clock.build()
    why_not = sign_in.why_not()
    chosen, asked, acted, finished = buttons.chosen, buttons.asked, buttons.acted, gr.State(None)
    watching, filling = gr.State({}), gr.State({})
    with gr.Column(elem_classes="air-below"):
        service.build(api, service.Session(fields.model, token, why_not, finished, acted, ticking))

    filled = [filling, why_not, fields.sign_in.signing, fields.signed, fields.why, fields.train, fields.preset]
    filled += [fields.groups[IMAGES], fields.groups[TABLE], fields.learn]
    gr.on(
        [*ticking.glances, fields.model.change, token.change],
        form.fill,
        [filling, fields.model, fields.preset, token],
        filled,
        **EVENTS,
    )
    gr.on(
        [*ticking.looks, *(state.change for state in (chosen, asked, acted, why_not))],
        screen.watch,
        [watching, chosen, asked, why_not, taken, token],
        [watching, jobs, head, progress, drawn, log, *buttons.changing, finished, fields.model],
        **EVENTS,
    )
    options = [field for group in fields.options.values() for field in group.values()]
    sign_in.wire(api, fields.sign_in, fields.signed, token)
    once = EVENTS | {"trigger_mode": "once"}
    train_from = [fields.model, fields.preset, fields.learn, token, taken, *options]
    fields.train.click(form.train, train_from, [chosen, fields.note], **once)
    taking = [fields.model, fields.preset, fields.taken, fields.taken_note, fields.more, *options]
    gr.on([taken.change], form.take, taken, taking, **EVENTS)
    fields.model.change(form.taken_for, [taken, fields.model], fields.taken, **EVENTS)
    fields.remove.click(lambda: None, None, taken, **EVENTS)
    job_buttons.wire(api, buttons, jobs, watching, token, "air-job")
    return ticking
