"""Corrections of answers about a person's own pictures: say what it really is, see the list, take one back.

What is under an answer is drawn from what was answered, never from what a click brought, so it can never belong to
another picture's answer.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import gradio as gr

from ui.kit import uploads
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.templates import render
from ui.kit.updates import EVENTS, ONCE, Updates
from ui.kit.visitor import Permission, headers_for_change, permission
from ui.kit.words import an
from ui.look.scripts import BUTTONS

SHOWN = 100
SIGN_IN_THERE = "If this is wrong, sign in on the Retrain screen to correct it."
KEPT = "It counts in the next training that learns from corrections; that is chosen on the Retrain screen."
UNDONE = "Undone: nothing is kept of this picture."
TOO_LATE = "That click was about another picture. Choose again if this answer is wrong too."
WAITING = "The corrections appear as soon as the service is up."

# The answer to a picture of the person's own: when it was asked, path, label, version and model.
Answered = dict[str, Any]
# What came of a click under that answer: to which answer it belongs, a sentence, its kind, and what is kept.
Outcome = dict[str, Any]


class Panel:
    """Two parts of a screen: buttons under the answer and the list; each comes where its ``render_…`` is called.

    The screen puts what it answered into ``answered``.
    """

    def __init__(self, api: Client, token: gr.State, prefix: str) -> None:
        """``prefix`` begins the ids of the elements."""
        self.api, self.token = api, token
        self.choices = html(js_on_load=BUTTONS, elem_id=f"{prefix}-correct", render=False)
        self.note = html(html_template=LIVE, elem_id=f"{prefix}-correct-note", render=False)
        self.undoing = gr.Button(
            "Undo", size="sm", visible=False, elem_id=f"{prefix}-undo", elem_classes="air-undo", render=False
        )
        self.box = gr.Column(render=False)
        self.folded = gr.Accordion("Corrections", open=False, render=False)
        self.list = html(quiet(WAITING), js_on_load=BUTTONS, elem_id=f"{prefix}-corrections", render=False)
        self.list_note = html(html_template=LIVE, elem_id=f"{prefix}-corrections-note", render=False)
        self.answered, self.outcome, self.changed = gr.State(None), gr.State(None), gr.State(0)

    def render_under_answer(self) -> None:
        """Buttons and what came of a click."""
        for part in (self.choices, self.note, self.undoing):
            part.render()

    def render_list(self) -> None:
        """What is kept, folded."""
        with self.box.render(), self.folded.render():
            self.list.render()
            self.list_note.render()

    async def _offer(
        self,
        labels: list[str],
        question: dict[str, Any] | None,
        answered: Answered | None,
        outcome: Outcome | None,
        token: str,
        request: gr.Request,
    ) -> Updates:
        """Buttons under the visible answer, what came of the last click, and a way back."""
        nothing = {self.choices: "", self.note: "", self.undoing: gr.update(visible=False)}
        if not labels or not answered or not question or question["asked"] != answered["asked"]:
            return nothing
        try:
            allowed = await permission(self.api, request, token)
        except ApiError:
            # The API refuses a correction itself; while it does not answer, nothing is taken away.
            allowed = Permission(True)
        if not allowed.may:
            return nothing | {self.choices: quiet(SIGN_IN_THERE if allowed.by_token else allowed.sentence)}
        mine = outcome if outcome and outcome["asked"] == answered["asked"] else None
        kept = mine and mine["kept"]
        drawn = render("corrections/choices.html", labels=labels, answered=answered, chosen=kept and kept["label"])
        return {
            self.choices: drawn,
            self.note: notice(mine["text"], mine["kind"]) if mine else "",
            self.undoing: gr.update(visible=bool(kept)),
        }

    async def _correct(
        self, answered: Answered | None, outcome: Outcome | None, token: str, request: gr.Request, event: gr.EventData
    ) -> Updates:
        """Keep what the answered picture is; the click says which answer it is about."""
        if answered is None:
            return gr.skip()
        before = outcome["kept"] if outcome and outcome["asked"] == answered["asked"] else None
        if event.asked != str(answered["asked"]):
            return {self.outcome: _outcome(answered, TOO_LATE, "warning", before)}
        correction = {"label": event.label, "answered": answered["label"]}
        correction |= {"version": answered["version"], "model": answered["model"]}
        try:
            headers = await headers_for_change(self.api, request, token)
            image = b64encode(uploads.read(answered["path"])).decode()
            kept = await self.api.correct(correction | {"image": image}, headers)
        except ApiError as error:
            return {self.outcome: _outcome(answered, str(error), "problem", before)}
        text = f"Kept: it is {an(kept['label'])}, not {an(answered['label'])}. {KEPT}"
        return {self.outcome: _outcome(answered, text, "good", kept), self.changed: time.time_ns()}

    async def _undo(self, outcome: Outcome | None, token: str, request: gr.Request) -> Updates:
        """Delete the correction that was just made."""
        if not outcome or not outcome["kept"]:
            return gr.skip()
        try:
            await self._delete(outcome["kept"]["id"], token, request)
            now = outcome | {"text": UNDONE, "kind": "info", "kept": None}
        except ApiError as error:
            now = outcome | {"text": str(error), "kind": "problem"}
        return {self.outcome: now, self.changed: time.time_ns()}

    async def _remove(self, outcome: Outcome | None, token: str, request: gr.Request, event: gr.EventData) -> Updates:
        """Delete one of the list; it disappears under its answer too."""
        try:
            await self._delete(event.correction, token, request)
        except ApiError as error:
            return {self.list_note: notice(str(error), "problem"), self.changed: time.time_ns()}
        same = outcome and outcome["kept"] and outcome["kept"]["id"] == event.correction
        removed = {self.list_note: quiet("Removed."), self.changed: time.time_ns()}
        return removed | {self.outcome: None} if same else removed

    async def _delete(self, correction: str, token: str, request: gr.Request) -> None:
        headers = await headers_for_change(self.api, request, token)
        await self.api.remove_correction(correction, headers)

    async def _refresh(self, token: str, request: gr.Request) -> Updates:
        """How many there are, the list, and why none can be removed."""
        try:
            corrections = await self.api.corrections()
            allowed = await permission(self.api, request, token)
        except ApiError as error:
            return gr.skip() if error.passing else {self.list: quiet(str(error))}
        label = f"Corrections ({len(corrections)})" if corrections else "Corrections"
        drawn = render("corrections/list.html", corrections=corrections, allowed=allowed, most=SHOWN)
        return {self.folded: gr.update(label=label), self.list: drawn}

    def wire(self, labels: gr.State, question: gr.State, shown_when: Sequence[Any]) -> None:
        """Which event calls what; the list is drawn upon the events ``shown_when``, too."""
        token, about = self.token, [labels, question, self.answered, self.outcome, self.token]
        offered = [self.choices, self.note, self.undoing]
        gr.on([state.change for state in about], self._offer, about, offered, **EVENTS)
        outcome = [self.outcome, self.changed]
        self.choices.select(self._correct, [self.answered, self.outcome, token], outcome, **ONCE)
        self.undoing.click(self._undo, [self.outcome, token], outcome, **ONCE)
        self.list.select(self._remove, [self.outcome, token], [self.list_note, *outcome], **ONCE)
        changes = [*shown_when, self.folded.expand, self.changed.change, token.change]
        gr.on(changes, self._refresh, token, [self.folded, self.list], **EVENTS)


def _outcome(answered: Answered, text: str, kind: str, kept: dict[str, Any] | None) -> Outcome:
    return {"asked": answered["asked"], "text": text, "kind": kind, "kept": kept, "at": time.time_ns()}
