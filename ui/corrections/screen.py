"""Corrections of answers about a person's own pictures: say what it really is, see the list, take one back.

Not run by itself; ui/predict/images.py puts both parts on the page. What is under an answer is drawn from
what was answered, never from what a click brought, so nothing stands under another picture's answer.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from ui.kit import uploads
from ui.kit.cards import LIVE, an, html, notice, png, quiet
from ui.kit.client import ApiError, Client
from ui.kit.scripts import BUTTONS
from ui.kit.templates import macro
from ui.kit.updates import EVENTS
from ui.kit.visitor import Permission, headers_for_change, permission
from ui.kit.words import moment

SHOWN = 100
SIGN_IN_THERE = "If this is wrong, sign in on the Retrain screen to correct it."
KEPT = "It counts in the next training that learns from corrections; that is chosen on the Retrain screen."
UNDONE = "Undone: nothing is kept of this picture."
TOO_LATE = "That click was about another picture. Choose again if this answer is wrong too."
NONE_YET = "No answer was corrected yet. Give a picture of your own, and say under its answer what it really is."
WAITING = "The corrections appear as soon as the service is up."

# The answer to a picture of the person's own: when it was asked for, path, label and version.
Answered = dict[str, Any]
# What came of a click under that answer: to which answer it belongs, a sentence, its kind, and what is kept.
Outcome = dict[str, Any]


def choices(labels: list[str], answered: Answered, chosen: str | None) -> str:
    """The question and one small button a class; what was answered cannot be chosen, `chosen` is what is kept."""
    buttons = "".join(_choice(label, answered["label"], chosen) for label in labels)
    return (
        '<section class="air-correct"><h3>Is this wrong? Say what it is</h3>'
        f'<ul data-list data-asked="{answered["asked"]}" aria-label="What it really is">{buttons}</ul></section>'
    )


def _choice(label: str, answered: str, chosen: str | None) -> str:
    state = " disabled" if label == answered else f' aria-pressed="{str(label == chosen).lower()}"'
    return (
        f'<li><button type="button" data-label="{escape(label)}" aria-label="It is {escape(an(label))}"{state}>'
        f"{escape(label)}</button></li>"
    )


def why_not_text(allowed: Permission) -> str:
    """Why no correction is offered, in a sentence."""
    return SIGN_IN_THERE if allowed.by_token else allowed.sentence


def correction_list(corrections: list[dict[str, Any]], *, may: bool) -> str:
    """The kept corrections, newest first, each with a button to remove it if this visitor may."""
    if not corrections:
        return quiet(NONE_YET)
    items = "".join(_item(correction, may) for correction in corrections[:SHOWN])
    newest = quiet(f"The {SHOWN} newest of {len(corrections)} are shown.") if len(corrections) > SHOWN else ""
    return f'<ul class="air-corrections" aria-label="Corrections">{items}</ul>{newest}'


def _item(correction: dict[str, Any], may: bool) -> str:
    label, answered, created = correction["label"], correction["answered"], correction["created"]
    by = f", answered by version {correction['version']}" if correction["version"] else ""
    words = f"{answered} → {label}" if answered else label
    spoken = f"{answered}, corrected to {label}" if answered else label
    button = (
        f'<button type="button" data-correction="{escape(correction["id"])}" '
        f'aria-label="Remove: {escape(spoken)}, {moment(created)}">Remove</button>'
    )
    when = macro("kit/cards.html", "time", created)
    return (
        f'<li><img src="{png(correction["image"])}" alt=""><span><strong aria-hidden="true">{escape(words)}</strong>'
        f'<span class="air-unseen">{escape(spoken)}</span><small>{when}{escape(by)}</small></span>'
        f"{button if may else ''}</li>"
    )


class Corrections:
    """What happens to corrections; every method is an event's handler."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def offer(
        self,
        labels: list[str],
        question: dict[str, Any] | None,
        answered: Answered | None,
        outcome: Outcome | None,
        token: str,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        """Buttons under the answer that is in sight, what came of the last click, and a way back."""
        nothing = "", "", gr.update(visible=False)
        if not labels or not answered or not question or question["asked"] != answered["asked"]:
            return nothing
        try:
            allowed = await permission(self.api, request, token)
        except ApiError:
            # The API refuses a correction itself; while it does not answer, nothing is taken away.
            allowed = Permission(True)
        if not allowed.may:
            return quiet(why_not_text(allowed)), "", gr.update(visible=False)
        if not outcome or outcome["asked"] != answered["asked"]:
            return choices(labels, answered, None), "", gr.update(visible=False)
        kept = outcome["kept"]
        drawn = choices(labels, answered, kept and kept["label"])
        return drawn, notice(outcome["text"], outcome["kind"]), gr.update(visible=kept is not None)

    async def correct(
        self, answered: Answered | None, outcome: Outcome | None, token: str, request: gr.Request, event: gr.EventData
    ) -> tuple[Any, ...]:
        """Keep what the picture is that was answered; the click says which answer it is about."""
        if answered is None:
            return gr.skip(), gr.skip()
        before = outcome["kept"] if outcome and outcome["asked"] == answered["asked"] else None
        if event.asked != str(answered["asked"]):
            return _outcome(answered, TOO_LATE, "warning", before), gr.skip()
        correction = {"label": event.label, "answered": answered["label"], "version": answered["version"]}
        try:
            headers = await headers_for_change(self.api, request, token)
            image = b64encode(uploads.read(answered["path"])).decode()
            kept = await self.api.correct(correction | {"image": image}, headers)
        except ApiError as error:
            return _outcome(answered, str(error), "problem", before), gr.skip()
        text = f"Kept: it is {an(kept['label'])}, not {an(answered['label'])}. {KEPT}"
        return _outcome(answered, text, "good", kept), time.time_ns()

    async def undo(self, outcome: Outcome | None, token: str, request: gr.Request) -> tuple[Any, ...]:
        """Forget the correction that was just made."""
        if not outcome or not outcome["kept"]:
            return gr.skip(), gr.skip()
        try:
            await self._remove(outcome["kept"]["id"], token, request)
        except ApiError as error:
            return outcome | {"text": str(error), "kind": "problem"}, time.time_ns()
        return outcome | {"text": UNDONE, "kind": "info", "kept": None}, time.time_ns()

    async def remove(
        self, outcome: Outcome | None, token: str, request: gr.Request, event: gr.EventData
    ) -> tuple[Any, ...]:
        """Forget one from the list; it no longer stands under its answer either."""
        try:
            await self._remove(event.correction, token, request)
        except ApiError as error:
            return notice(str(error), "problem"), gr.skip(), time.time_ns()
        same = outcome and outcome["kept"] and outcome["kept"]["id"] == event.correction
        return quiet("Removed."), None if same else gr.skip(), time.time_ns()

    async def _remove(self, correction: str, token: str, request: gr.Request) -> None:
        headers = await headers_for_change(self.api, request, token)
        await self.api.remove_correction(correction, headers)

    async def listed(self, token: str, request: gr.Request) -> tuple[Any, ...]:
        """How many there are, the list, and why none can be removed."""
        try:
            corrections = await self.api.corrections()
            allowed = await permission(self.api, request, token)
        except ApiError as error:
            return gr.skip(), gr.skip() if error.passing else quiet(str(error))
        label = f"Corrections ({len(corrections)})" if corrections else "Corrections"
        reason = quiet(allowed.sentence) if corrections and not allowed.may else ""
        return gr.update(label=label), reason + correction_list(corrections, may=allowed.may)


def _outcome(answered: Answered, text: str, kind: str, kept: dict[str, Any] | None) -> Outcome:
    return {"asked": answered["asked"], "text": text, "kind": kind, "kept": kept, "at": time.time_ns()}


class Panel:
    """The two parts on the page, each put where the screen wants it, then wired together."""

    def __init__(self, api: Client, token: gr.State) -> None:
        self.corrections = Corrections(api)
        self.token = token
        self.answered, self.outcome, self.changed = gr.State(None), gr.State(None), gr.State(0)

    def build_under_answer(self) -> None:
        """Buttons and what came of a click."""
        self.offered = html(js_on_load=BUTTONS, elem_id="air-correct")
        self.note = html(html_template=LIVE, elem_id="air-correct-note")
        self.undo = gr.Button("Undo", size="sm", visible=False, elem_id="air-undo")

    def build_list(self) -> None:
        """What is kept, folded."""
        with gr.Accordion("Corrections", open=False) as self.folded:
            self.list = html(quiet(WAITING), js_on_load=BUTTONS, elem_id="air-corrections")
            self.list_note = html(html_template=LIVE, elem_id="air-corrections-note")

    def wire(self, labels: gr.State, question: gr.State, shown_when: Sequence[Any]) -> None:
        """`shown_when` are the events upon which the list is asked for, besides changes of it."""
        handle, token = self.corrections, self.token
        once = EVENTS | {"trigger_mode": "once"}
        gr.on(
            [state.change for state in (labels, question, self.answered, self.outcome, token)],
            handle.offer,
            [labels, question, self.answered, self.outcome, token],
            [self.offered, self.note, self.undo],
            **EVENTS,
        )
        made = [self.outcome, self.changed]
        self.offered.select(handle.correct, [self.answered, self.outcome, token], made, **once)
        self.undo.click(handle.undo, [self.outcome, token], made, **once)
        removed = [self.list_note, self.outcome, self.changed]
        self.list.select(handle.remove, [self.outcome, token], removed, **once)
        gr.on(
            [*shown_when, self.folded.expand, self.changed.change, token.change],
            handle.listed,
            token,
            [self.folded, self.list],
            **EVENTS,
        )
