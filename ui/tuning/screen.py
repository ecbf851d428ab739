"""The Tuning screen: search for better parameters, watch the trials, understand them, train with the best.

A study is a job outside the page: two browsers see the same, and a reload loses nothing. Studies that came with the
program are there from the beginning.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import gradio as gr

from ui.jobs.buttons import JobButtons
from ui.jobs.view import log_text, read_log
from ui.kit import clock
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.templates import macro, render
from ui.kit.updates import EVENTS, ONCE, Sent, Updates, changed
from ui.kit.visitor import headers_of, with_token
from ui.look.scripts import BUTTONS
from ui.predict.snippets import public_api
from ui.tuning import data as study_data
from ui.tuning import handover
from ui.tuning import view as study_view
from ui.tuning.form import Form
from ui.tuning.view import Entry

PLACES = "tuning/places.html"
WAITING = "The studies appear as soon as the service is up."
NONE = {"id": "", "number": 1, "base": 0, "trials": []}
# The first value may have come before the screen was in sight, and with that this script.
ON_DRAWING = """\
const take = () => airStudy.take(props.value && JSON.parse(props.value));
airStudy.start((name, data) => trigger(name === 'select' ? 'select' : 'input', data));
watch('value', take);
take();"""
# A mark of the charts, as an SVG path, and what it means.
MARKS = [
    ("dot", "M4,8a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", "finished"),
    ("triangle", "M8,3L13,12H3Z", "stopped early"),
    ("ring", "M4,8a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", "running or cut off"),
    ("cross", "M4,4L12,12M12,4L4,12", "failed"),
    ("star", "M8,1L9.9,5.4L14.7,5.8L11,9L12.1,13.7L8,11.2L3.9,13.7L5,9L1.3,5.8L6.1,5.4Z", "the best"),
    ("chosen", "M2,8a6,6 0 1,0 12,0a6,6 0 1,0 -12,0", "the chosen one"),
]


class Screen:
    """The components of the screen; creating it puts them on the page. ``taken`` is what the Retrain screen gets.

    ``again`` changes when the browser has missed a part of the drawing.
    """

    def __init__(self, api: Client, public_url: str | None, token: gr.State, taken: gr.State) -> None:
        self.api, self.public_url, self.token, self.taken = api, public_url, token, taken
        chosen = gr.State(None)
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=5, min_width=300):
                html(render("tuning/intro.html"))
                self.form = Form(api, token, chosen)
                html("<h3>Studies</h3>")
                self.studies = html(quiet(WAITING), js_on_load=BUTTONS, elem_id="air-studies")
            with gr.Column(scale=6, min_width=300):
                waiting = render("jobs/none.html", title="The study", text=WAITING)
                self.head = html(waiting, html_template=LIVE, elem_id="air-study")
                self.progress = html(elem_id="air-study-progress")
                self.buttons = JobButtons("air-study", "Cancel this study", "Resume this study", chosen)
                self.summary = html(elem_id="air-study-summary")
                self.train = gr.Button(
                    "Train with the best", visible=False, variant="primary", elem_id="air-study-train"
                )
                html(html_template=macro(PLACES, "chart", "progress", "Best so far"))
                with gr.Accordion("Log", open=False, visible=False) as self.logged:
                    self.log = html(log_text(""))
        with gr.Column(elem_classes="air-below"):
            self.leaderboard = html(elem_id="air-leaderboard")
            self.importance = _build_trials()
        self.drawing = html(html_template="<span></span>", js_on_load=ON_DRAWING, elem_classes="air-carrier")
        self.sent, self.again = gr.State({}), gr.State(0)
        self.clock = clock.build()

    def wire(self) -> None:
        """Make it work."""
        buttons, why_not = self.buttons, self.form.sign_in.why_not
        triggers = [state.change for state in (buttons.chosen, buttons.asked, buttons.acted, self.again, why_not)]
        shown = [self.sent, self.studies, self.head, self.progress, self.summary, self.leaderboard, self.importance]
        gr.on(
            [*self.clock.looks, *triggers],
            self._watch,
            [self.sent, buttons.chosen, buttons.asked, why_not, self.again, self.token],
            [*shown, self.log, self.logged, *buttons.components, self.train, self.drawing],
            **EVENTS,
        )
        self.form.wire(self.clock)
        buttons.wire(self.api, self.studies, self.sent, self.token, "air-study")
        self.drawing.input(lambda: time.time_ns(), None, self.again, **EVENTS)
        taking = [self.taken, buttons.note]
        self.train.click(self._take_best, self.sent, taking, **ONCE)
        self.drawing.select(self._take_trial, self.sent, taking, **ONCE)
        self.taken.change(None, js=handover.SHOW_RETRAIN)

    async def _watch(
        self,
        before: Sent,
        chosen: str | None,
        asked: str | None,
        why_not: str | None,
        again: int,
        token: str,
        request: gr.Request,
    ) -> Updates:
        """The list of studies, and the shown one, as they are now."""
        try:
            studies, jobs = await asyncio.gather(self.api.studies(), self.api.jobs())
            entry = study_view.shown(found := study_view.entries(studies, jobs), chosen)
            details, drawn = await self._details(entry, before, again, token, request)
        except ApiError as error:
            return changed(self.sent, before, {self.head: notice(str(error), "warning")}, entry=None)
        job = entry.job if entry else None
        now = details | self.buttons.shown(job, asked, may=why_not == "")
        now |= {
            self.studies: study_view.study_list(found, entry.id if entry else None),
            self.head: study_view.headline(entry, jobs),
            self.logged: gr.update(visible=job is not None),
            self.train: gr.update(visible=bool(entry and entry.study and entry.study["best"])),
        }
        noted = {"entry": entry, "job": job, "again": again, "signed": bool(token), "drawn": drawn}
        return changed(self.sent, before, now, **noted)

    async def _details(
        self, entry: Entry | None, before: Sent, again: int, token: str, request: gr.Request
    ) -> tuple[Updates, Any]:
        """Trials and log, and what is drawn with them; of a study that has ended nothing new, for the same visitor."""
        drawn = before.get("drawn") if again == before.get("again") else None
        same = entry == before.get("entry") and before.get("signed") == bool(token) and again == before.get("again")
        if entry and same and entry.ended:
            return {}, drawn
        headers = with_token(headers_of(request), token)
        study = await self.api.study(entry.id) if entry and entry.study else None
        now: Updates = {
            self.progress: study_view.progress(entry, study),
            self.summary: study_view.summary(study, public_api(request, self.public_url)),
            self.leaderboard: study_view.leaderboard(study),
            self.importance: study_view.importance(study),
            self.log: await read_log(self.api, entry.job["id"], headers) if entry and entry.job else log_text(""),
        }
        if study is None:
            # As text: Gradio copies the value of a component, whatever is in it, with every event of the page.
            return now | {self.drawing: json.dumps(NONE)}, None
        message = study_data.message(study, drawn)
        if message is None:
            return now, drawn
        return now | {self.drawing: json.dumps(message)}, study_data.sent(message, drawn)

    async def _take_best(self, before: Sent) -> Updates:
        """What the study found, for the Retrain screen."""
        return await self._take(before, None)

    async def _take_trial(self, before: Sent, event: gr.EventData) -> Updates:
        """The same of one trial."""
        return await self._take(before, str(event.train))

    async def _take(self, before: Sent, trial: str | None) -> Updates:
        note = self.buttons.note
        try:
            study = await self.api.study(before["entry"].id)
        except ApiError as error:
            return {note: notice(str(error), "problem")}
        taken = handover.found(study, trial or (study["best"] or {}).get("trial", ""))
        if taken is None:
            return {note: notice("This study does not say what to train with.", "problem")}
        return {self.taken: taken, note: ""}


def _build_trials() -> gr.HTML:
    """The places of table and charts, which ui/tuning/study.js fills; returns the one for the importance."""
    html(html_template=macro(PLACES, "trials", MARKS))
    with gr.Row(elem_classes="air-trial-row"):
        with gr.Column(scale=7, min_width=300):
            html(html_template=macro(PLACES, "chart", "table", "One by one", "Table of the trials"))
        with gr.Column(scale=3, min_width=240):
            html(html_template=macro(PLACES, "details"))
    html(html_template=macro(PLACES, "importance"))
    importance = html(elem_id="air-importance")
    html(html_template=macro(PLACES, "chart", "scatters", "Metric by parameter value", "", "air-scatters"))
    html(html_template=macro(PLACES, "chart", "parallel", "All parameters together", "All parameters together"))
    html(html_template=macro(PLACES, "chart", "curves", "Learning curves of the trials"))
    return importance


def build(api: Client, public_url: str | None, token: gr.State, taken: gr.State) -> clock.Clock:
    """Put the screen on the page and wire it; returns the clock that runs only while it is in sight."""
    screen = Screen(api, public_url, token, taken)
    screen.wire()
    return screen.clock
