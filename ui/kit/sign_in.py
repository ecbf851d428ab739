"""Signing in with the admin's token on a screen that changes something.

The token is the same on all screens: whoever signs in on one has signed in on the others.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.blocks import Block

from ui.kit.cards import LIVE, html, notice
from ui.kit.client import ApiError, Client
from ui.kit.updates import EVENTS, Updates
from ui.kit.visitor import SIGN_IN, Permission, sign_in

ENTER, LEAVE = "Sign in", "Sign out"
PASSWORD: dict[str, Any] = {
    "label": "Admin's token",
    "type": "password",
    "autofocus": False,
    "max_lines": 1,
    "html_attributes": gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
}


class SignIn:
    """The components of one screen: fields to sign in, why nothing may be changed, a button to sign out.

    Creating it puts the fields on the page. ``why`` and ``sign_out`` come where the screen calls their ``render()``.
    ``why_not`` is the reason in a sentence, "" for who may change things, None before it is known. Each screen has its
    own: Gradio takes every state that an event could change as changed, and a hidden screen should not refresh because
    another one did.
    """

    def __init__(self, name: str) -> None:
        """``name`` begins the ids of the elements."""
        with gr.Column(visible=False, elem_id=f"{name}-sign-in") as self.fields:
            html(notice(SIGN_IN))
            with gr.Row(elem_classes="air-actions"):
                self.password = gr.Textbox(**PASSWORD)
                self.enter = gr.Button(ENTER, elem_classes="air-enter")
            self.note = html(html_template=LIVE)
        self.why = html(elem_id=f"{name}-why", render=False)
        self.sign_out = gr.Button(LEAVE, size="sm", visible=False, elem_id=f"{name}-sign-out", render=False)
        self.why_not = gr.State(None)

    @property
    def components(self) -> list[Block]:
        """What ``shown`` changes."""
        return [self.why_not, self.fields, self.sign_out, self.why]

    def shown(self, allowed: Permission) -> Updates:
        """What this visitor may do."""
        return {
            self.why_not: "" if allowed.may else allowed.sentence,
            self.fields: gr.update(visible=allowed.by_token and not allowed.may),
            self.sign_out: gr.update(visible=allowed.by_token and allowed.may),
            self.why: "" if allowed.may else notice(allowed.sentence),
        }

    def wire(self, api: Client, token: gr.State) -> None:
        """Let the fields and the button change the token."""

        async def enter(typed: str, request: gr.Request) -> Updates:
            try:
                return {token: await sign_in(api, request, typed), self.password: "", self.note: ""}
            except ApiError as error:
                return {self.password: "", self.note: notice(str(error), "problem")}

        entered = [self.enter.click, self.password.submit]
        gr.on(entered, enter, self.password, [token, self.password, self.note], **EVENTS)
        self.sign_out.click(lambda: "", None, token, **EVENTS)


def token() -> gr.State:
    """The token of each visitor, which all screens share; called once a page."""
    return gr.State("")
