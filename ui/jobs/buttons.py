"""The buttons of a watched job: stop it, which is asked once more, and start it again.

Not run by itself; the screens of jobs put them beside what they show. A screen remembers the job that
is shown under ``job`` of what it has sent last.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.jobs.view import CANCELLABLE
from ui.kit.cards import LIVE, html, notice
from ui.kit.client import ApiError, Client
from ui.kit.scripts import focus_on, show_on_narrow
from ui.kit.updates import CLICKS, EVENTS, Sent
from ui.kit.visitor import headers_for_change

# What changes with the job that is watched; in the order of Buttons.changing.
SHOWN = ["cancel", "asking", "resume"]


@dataclass(frozen=True)
class Buttons:
    """The components, and the states behind them.

    ``chosen`` is the id of the job that a person wants to see, ``asked`` of the one whose end they are
    asked about, ``acted`` changes when something was done.
    """

    cancel: gr.Button
    asking: gr.Row
    resume: gr.Button
    yes: gr.Button
    no: gr.Button
    note: gr.HTML
    chosen: gr.State
    asked: gr.State
    acted: gr.State

    @property
    def changing(self) -> list[gr.Button | gr.Row]:
        """The components of SHOWN."""
        return [self.cancel, self.asking, self.resume]


def build(prefix: str, stop: str, resume: str) -> Buttons:
    """Put the buttons on the page; ``prefix`` begins their ids, ``stop`` and ``resume`` are their words."""
    with gr.Row(elem_classes="air-actions"):
        cancelling = gr.Button(stop, visible=False, elem_id=f"{prefix}-cancel")
        resuming = gr.Button(resume, visible=False, elem_id=f"{prefix}-resume")
    with gr.Row(visible=False, elem_classes="air-actions") as asking:
        yes = gr.Button("Yes, stop it", variant="stop", elem_id=f"{prefix}-cancel-yes")
        no = gr.Button("No, go on", elem_id=f"{prefix}-cancel-no")
    note = html(html_template=LIVE, elem_id=f"{prefix}-job-note")
    return Buttons(cancelling, asking, resuming, yes, no, note, gr.State(None), gr.State(None), gr.State(0))


def shown(job_id: str, state: str, asked: str | None, may: bool, resumable: bool) -> Sent:
    """Which of SHOWN are there for a job in this state, and whether this visitor may use them."""
    cancellable, doubted = state in CANCELLABLE, asked == job_id
    return {
        "cancel": gr.update(visible=cancellable and not doubted, interactive=may),
        "asking": gr.update(visible=cancellable and doubted),
        "resume": gr.update(visible=resumable, interactive=may),
    }


def wire(api: Client, buttons: Buttons, jobs: gr.HTML, watching: gr.State, token: gr.State, head: str) -> None:
    """Make them work; one of the list ``jobs`` can be chosen, and is shown in the element ``head``."""

    async def cancel(before: Sent, token: str, request: gr.Request) -> tuple[Any, ...]:
        try:
            await api.cancel(before["job"]["id"], await headers_for_change(api, request, token))
        except ApiError as error:
            return None, notice(str(error), "problem"), time.time_ns()
        return None, "", time.time_ns()

    async def resume(before: Sent, token: str, request: gr.Request) -> tuple[Any, ...]:
        """A job may be queued again as another one; it is watched from now on."""
        try:
            job = await api.resume(before["job"]["id"], await headers_for_change(api, request, token))
        except ApiError as error:
            return gr.skip(), notice(str(error), "problem"), time.time_ns()
        return job["id"], "", time.time_ns()

    once = EVENTS | {"trigger_mode": "once"}
    chosen, asked, note, acted = buttons.chosen, buttons.asked, buttons.note, buttons.acted
    chosen.change(None, js=show_on_narrow(head))
    jobs.select(_job_of, None, [chosen, asked, note], **CLICKS)
    ask = buttons.cancel.click(lambda before: before["job"]["id"], watching, asked, **EVENTS)
    ask.then(None, js=focus_on(buttons.yes.elem_id))
    buttons.no.click(lambda: None, None, asked, **EVENTS)
    buttons.yes.click(cancel, [watching, token], [asked, note, acted], **once)
    buttons.resume.click(resume, [watching, token], [chosen, note, acted], **once)


def _job_of(event: gr.EventData) -> tuple[Any, ...]:
    return event.job, None, ""
