"""Signing in with the admin's token: the fields on a screen, and what they do.

Not run by itself; every screen that changes something shows them. The token is the same on all of
them: who signs in on one has signed in on the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.kit.cards import LIVE, html, notice
from ui.kit.client import ApiError, Client
from ui.kit.updates import EVENTS, Sent
from ui.kit.visitor import SIGN_IN, Permission, sign_in


@dataclass(frozen=True)
class Fields:
    """The components of one screen."""

    signing: gr.Column
    password: gr.Textbox
    enter: gr.Button
    note: gr.HTML


def token() -> gr.State:
    """The token of each visitor, which all screens share; called once a page."""
    return gr.State("")


def why_not() -> gr.State:
    """Why a visitor may change nothing, in a sentence; None: not known yet.

    Each screen has its own: Gradio takes every state that an event could change as changed, and a screen out of
    sight should not look again whenever another one does.
    """
    return gr.State(None)


def build(name: str) -> Fields:
    """Put the fields on a screen, hidden until they are of use; `name` begins the ids of its elements."""
    with gr.Column(visible=False, elem_id=f"{name}-sign-in") as signing:
        html(notice(SIGN_IN))
        with gr.Row(elem_classes="air-actions"):
            no_memory = gr.InputHTMLAttributes(autocomplete="off", spellcheck=False)
            password = gr.Textbox(
                label="Admin's token", type="password", autofocus=False, max_lines=1, html_attributes=no_memory
            )
            enter = gr.Button("Sign in", elem_classes="air-enter")
        note = html(html_template=LIVE)
    return Fields(signing, password, enter, note)


def sign_out_button(name: str) -> gr.Button:
    """The way back, hidden until somebody has signed in."""
    return gr.Button("Sign out", size="sm", visible=False, elem_id=f"{name}-sign-out")


def wire(api: Client, fields: Fields, sign_out: gr.Button, token: gr.State) -> None:
    """Let the fields and the button change the token."""

    async def enter(typed: str, request: gr.Request) -> tuple[Any, ...]:
        """The token into this session's memory when it is right; the field is emptied in any case."""
        try:
            return await sign_in(api, request, typed), "", ""
        except ApiError as error:
            return gr.skip(), "", notice(str(error), "problem")

    gr.on(
        [fields.enter.click, fields.password.submit],
        enter,
        fields.password,
        [token, fields.password, fields.note],
        **EVENTS,
    )
    sign_out.click(lambda: "", None, token, **EVENTS)


def shown(allowed: Permission) -> Sent:
    """What this visitor may do, for the components `signing`, `signed` and `why`, and the memory `why_not`."""
    return {
        "why_not": "" if allowed.may else allowed.sentence,
        "signing": gr.update(visible=allowed.by_token and not allowed.may),
        "signed": gr.update(visible=allowed.by_token and allowed.may),
        "why": "" if allowed.may else notice(allowed.sentence),
    }
