"""The buttons of a watched job: stop it, which asks for confirmation, and start it again."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr
from gradio.blocks import Block

from ui.jobs.view import Job
from ui.kit.cards import LIVE, html, notice
from ui.kit.client import ApiError, Client
from ui.kit.updates import CLICKS, EVENTS, ONCE, Sent, Updates
from ui.kit.visitor import headers_for_change
from ui.look.scripts import focus_on, show_on_narrow

YES, NO = "Yes, stop it", "No, continue"


class JobButtons:
    """The components, and the states behind them; creating it puts the buttons on the page.

    ``chosen`` is the id of the job that a person selected, ``asked`` of the one whose cancellation they are asked to
    confirm; ``acted`` changes when something was done. The screen notes the shown job as ``job`` among what it has
    sent.
    """

    def __init__(self, prefix: str, stop: str, resume: str, chosen: gr.State) -> None:
        """``prefix`` begins the ids of the elements, ``stop`` and ``resume`` are the buttons' words."""
        with gr.Row(elem_classes="air-actions"):
            self.cancel = gr.Button(stop, visible=False, elem_id=f"{prefix}-cancel")
            self.resume = gr.Button(resume, visible=False, elem_id=f"{prefix}-resume")
        with gr.Row(visible=False, elem_classes="air-actions") as self.asking:
            self.yes = gr.Button(YES, variant="stop", elem_id=f"{prefix}-cancel-yes")
            self.no = gr.Button(NO, elem_id=f"{prefix}-cancel-no")
        self.note = html(html_template=LIVE, elem_id=f"{prefix}-job-note")
        self.chosen, self.asked, self.acted = chosen, gr.State(None), gr.State(0)

    @property
    def components(self) -> list[Block]:
        """What ``shown`` changes."""
        return [self.cancel, self.asking, self.resume]

    def shown(self, job: Job | None, asked: str | None, may: bool, resumable: bool = True) -> Updates:
        """The buttons that suit the job's state, and whether this visitor may use them."""
        state = job["about"]["state"] if job else {"can_cancel": False, "can_resume": False}
        doubted = job is not None and asked == job["id"]
        return {
            self.cancel: gr.update(visible=state["can_cancel"] and not doubted, interactive=may),
            self.asking: gr.update(visible=state["can_cancel"] and doubted),
            self.resume: gr.update(visible=state["can_resume"] and resumable, interactive=may),
        }

    def wire(self, api: Client, jobs: gr.HTML | None, watching: gr.State, token: gr.State, head: str) -> None:
        """Make them work; one of the list ``jobs``, if any, can be chosen, and is shown in the element ``head``."""

        async def cancel(before: Sent, token: str, request: gr.Request) -> Updates:
            try:
                await api.cancel(before["job"]["id"], await headers_for_change(api, request, token))
            except ApiError as error:
                return self._acted(problem=str(error))
            return self._acted()

        async def resume(before: Sent, token: str, request: gr.Request) -> Updates:
            """A job may be queued again as another one, which is then watched."""
            try:
                job = await api.resume(before["job"]["id"], await headers_for_change(api, request, token))
            except ApiError as error:
                return self._acted(problem=str(error))
            return self._acted() | {self.chosen: job["id"]}

        self.chosen.change(None, js=show_on_narrow(head))
        if jobs is not None:
            jobs.select(self._choose, None, [self.chosen, self.asked, self.note], **CLICKS)
        asked = self.cancel.click(lambda before: before["job"]["id"], watching, self.asked, **EVENTS)
        asked.then(None, js=focus_on(self.yes.elem_id))
        self.no.click(lambda: None, None, self.asked, **EVENTS)
        acting: dict[str, Any] = {"inputs": [watching, token], **ONCE}
        self.yes.click(cancel, outputs=[self.asked, self.note, self.acted], **acting)
        self.resume.click(resume, outputs=[self.asked, self.chosen, self.note, self.acted], **acting)

    def _acted(self, problem: str = "") -> Updates:
        note = notice(problem, "problem") if problem else ""
        return {self.asked: None, self.note: note, self.acted: time.time_ns()}

    def _choose(self, event: gr.EventData) -> Updates:
        return {self.chosen: event.job, self.asked: None, self.note: ""}
