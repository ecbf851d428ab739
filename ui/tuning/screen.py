"""The Tuning screen: look for better parameters, watch the trials, understand them, train with what was found.

Run all screens with `python -m ui`. A study is a job outside the page, so that two browsers see the
same and a reload loses nothing; studies that came with the program are there from the beginning.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import gradio as gr

from ui.jobs import buttons as job_buttons
from ui.jobs.view import ENDED, RESUMABLE, log_text, read_log
from ui.kit import clock, sign_in
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.scripts import BUTTONS
from ui.kit.updates import EVENTS, Sent, updates
from ui.kit.visitor import headers_of, with_token
from ui.predict.snippets import public_api
from ui.tuning import data as study_data
from ui.tuning import form as study_form
from ui.tuning import handover
from ui.tuning import view as study_view
from ui.tuning.view import Entry

WATCHED = ["studies", "headline", "bar", "summary", "importance", "log", "logged"]
WATCHED += [*job_buttons.SHOWN, "train", "drawing"]
INTRO = """\
<div class="air-intro"><h2>Look for better parameters</h2>
<p>How deep a tree, how fast to learn: nobody knows before trying. A study tries many values in short
trainings (trials), gives up early on those that fall behind, and shows what worked. What it measures
is held back from training; the test set is never looked at.</p></div>"""
WAITING = quiet("The studies appear as soon as the service is up.")
NONE = {"id": "", "number": 1, "base": 0, "trials": []}
# The first value may have come before the screen was in sight, and with that this script.
ON_DRAWING = """\
const take = () => airStudy.take(props.value && JSON.parse(props.value));
airStudy.start((name, told) => trigger(name === 'select' ? 'select' : 'input', told));
watch('value', take);
take();"""
# A mark of the charts as SVG, and what it stands for.
SHAPES = {
    "dot": ("M4,8a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", "finished"),
    "triangle": ("M8,3L13,12H3Z", "stopped early"),
    "ring": ("M4,8a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", "running or cut off"),
    "cross": ("M4,4L12,12M12,4L4,12", "failed"),
    "star": ("M8,1L9.9,5.4L14.7,5.8L11,9L12.1,13.7L8,11.2L3.9,13.7L5,9L1.3,5.8L6.1,5.4Z", "the best"),
    "chosen": ("M2,8a6,6 0 1,0 12,0a6,6 0 1,0 -12,0", "the chosen one"),
}


def _marks() -> str:
    items = "".join(
        f'<li><svg viewBox="0 0 16 16" aria-hidden="true"><path class="air-mark-{kind}" d="{path}"/></svg>{words}</li>'
        for kind, (path, words) in SHAPES.items()
    )
    return f'<ul class="air-marks" aria-label="Marks in the charts">{items}</ul>'


def _chart(name: str, title: str, area: str = "") -> str:
    """A place for a chart with its title and the sentence that says how to read it; ui/tuning/study.js fills it."""
    return (
        f'<section class="air-of-study air-chart" hidden><h3>{title}</h3>'
        f'<p class="air-quiet" data-air-reading="{name}"></p><div data-air-slot="{name}" {area}></div></section>'
    )


def _region(label: str) -> str:
    return f'class="air-scroll-x" tabindex="0" role="region" aria-label="{label}"'


class Screen:
    """What happens to the studies; every method is an event's handler or a part of one."""

    def __init__(self, api: Client, public_url: str | None) -> None:
        self.api = api
        self.public_url = public_url

    async def watch(
        self,
        before: Sent,
        chosen: str | None,
        asking: str | None,
        why_not: str | None,
        again: int,
        token: str,
        request: gr.Request,
    ) -> list[Any]:
        """The list of studies, and the shown one, as they are now."""
        try:
            studies, jobs = await asyncio.gather(self.api.studies(), self.api.jobs())
            entry = study_view.shown(found := study_view.entries(studies, jobs), chosen)
            details = await self._details(entry, before, again, token, request)
        except ApiError as error:
            return updates(WATCHED, before, {"headline": notice(str(error), "warning"), "entry": None})
        job_id, state = (entry.job["id"], entry.state) if entry and entry.job else ("", "")
        may = why_not == ""
        now = details | job_buttons.shown(job_id, state, asking, may, state in RESUMABLE)
        now |= {
            "studies": study_view.study_list(found, entry.id if entry else None),
            "headline": study_view.headline(entry, jobs),
            "logged": gr.update(visible=bool(job_id)),
            "train": gr.update(visible=bool(entry and entry.study and entry.study["best"])),
            "entry": entry,
            "job": entry.job if entry else None,
            "again": again,
        }
        return updates(WATCHED, before, now)

    async def _details(self, entry: Entry | None, before: Sent, again: int, token: str, request: gr.Request) -> Sent:
        """The trials and the log; a study that has ended stays as it was, for the same visitor."""
        same = entry == before.get("entry") and before.get("signed") == bool(token) and again == before.get("again")
        if entry and same and entry.state in ENDED:
            return {}
        headers = with_token(headers_of(request), token)
        study = await self.api.study(entry.id) if entry and entry.study else None
        drawn = before.get("drawn") if again == before.get("again") else None
        told = study_data.message(study, drawn) if study else None if drawn is None and "drawn" in before else NONE
        now = {
            "bar": study_view.progress(entry, study),
            "summary": study_view.summary(study, public_api(request, self.public_url)),
            "importance": study_view.importance(study),
            "log": await read_log(self.api, entry.job["id"], headers) if entry and entry.job else log_text(""),
            "signed": bool(token),
        }
        if told is None:
            return now
        # As text: Gradio copies the value of a component, whatever is in it, with every event of the page.
        return now | {"drawing": json.dumps(told), "drawn": study_data.sent(told, drawn) if study else None}

    async def best(self, before: Sent) -> tuple[Any, ...]:
        """What the study found, for the Retrain screen."""
        return await self._take(before, None)

    async def trial(self, before: Sent, event: gr.EventData) -> tuple[Any, ...]:
        """The same of one trial."""
        return await self._take(before, str(event.train))

    async def _take(self, before: Sent, trial: str | None) -> tuple[Any, ...]:
        try:
            study = await self.api.study(before["entry"].id)
        except ApiError as error:
            return gr.skip(), notice(str(error), "problem")
        taken = handover.found(study, trial or (study["best"] or {}).get("trial", ""))
        if taken is None:
            return gr.skip(), notice("This study does not say what to train with.", "problem")
        return taken, ""


def build(
    api: Client,
    page: gr.Blocks,  # noqa: ARG001 - as all screens
    public_url: str | None,
    token: gr.State,
    taken: gr.State,
) -> clock.Clock:
    """Put the screen on the page and wire it; returns the clock that runs only while it is in sight.

    `taken` is what the Retrain screen is handed.
    """
    screen, form = Screen(api, public_url), study_form.Form(api)

    with gr.Row(elem_classes="air-screen"):
        with gr.Column(scale=5, min_width=300):
            html(INTRO)
            fields = study_form.build()
            html("<h3>Studies</h3>")
            studies = html(WAITING, js_on_load=BUTTONS, elem_id="air-studies")
        with gr.Column(scale=6, min_width=300):
            head = html(f"<h2>The study</h2>{WAITING}", html_template=LIVE, elem_id="air-study")
            progress = html(elem_id="air-study-progress")
            buttons = job_buttons.build("air-study", "Cancel this study", "Go on with it")
            summary = html(elem_id="air-study-summary")
            train = gr.Button("Train with the best", visible=False, variant="primary", elem_id="air-study-train")
            html(html_template=_chart("progress", "Best so far"))
            with gr.Accordion("What it printed", open=False, visible=False) as logged:
                log = html(log_text(""))
    with gr.Column(elem_classes="air-below"):
        html(html_template=f'<section class="air-of-study" hidden><h2>The trials</h2>{_marks()}</section>')
        with gr.Row(elem_classes="air-trial-row"):
            with gr.Column(scale=7, min_width=300):
                html(html_template=_chart("table", "One by one", _region("Table of the trials")))
            with gr.Column(scale=3, min_width=240):
                html(
                    html_template='<section class="air-of-study air-card" hidden aria-live="polite" '
                    'aria-label="The chosen trial"><div data-air-slot="details"></div></section>'
                )
        html(html_template='<section class="air-of-study" hidden><h3>Which parameter mattered</h3></section>')
        importance = html(elem_id="air-importance")
        html(html_template=_chart("scatters", "What each value gave", 'class="air-scatters"'))
        html(html_template=_chart("parallel", "All parameters together", _region("All parameters together")))
        html(html_template=_chart("curves", "How the trials learned"))
    drawing = html(html_template="<span></span>", js_on_load=ON_DRAWING, elem_classes="air-carrier")
    ticking = clock.build()
    chosen, asked, acted, again = buttons.chosen, buttons.asked, buttons.acted, gr.State(0)
    watching, filling = gr.State({}), gr.State({})
    why_not = sign_in.why_not()

    filled = [filling, why_not, fields.sign_in.signing, fields.signed, fields.why, fields.start, fields.preset]
    gr.on(
        [*ticking.glances, fields.model.change, fields.preset.input, token.change],
        form.fill,
        [filling, fields.model, fields.preset, token],
        [*filled, fields.space, fields.faults],
        **EVENTS,
    )
    gr.on(
        [*ticking.looks, *(state.change for state in (chosen, asked, acted, again, why_not))],
        screen.watch,
        [watching, chosen, asked, why_not, again, token],
        [watching, studies, head, progress, summary, importance, log, logged] + [*buttons.changing, train, drawing],
        **EVENTS,
    )
    sign_in.wire(api, fields.sign_in, fields.signed, token)
    once = EVENTS | {"trigger_mode": "once"}
    fields.space.input(form.check, [fields.model, fields.space], fields.faults, **EVENTS)
    options = [fields.options[key] for key in study_form.FIELDS]
    fields.start.click(
        form.start,
        [fields.model, fields.preset, fields.space, token, *options],
        [chosen, fields.note, fields.faults, fields.box, *options],
        **once,
    )
    job_buttons.wire(api, buttons, studies, watching, token, "air-study")
    drawing.input(lambda: time.time_ns(), None, again, **EVENTS)
    train.click(screen.best, watching, [taken, buttons.note], **once)
    drawing.select(screen.trial, watching, [taken, buttons.note], **once)
    taken.change(None, js=handover.SHOW_RETRAIN)
    return ticking
