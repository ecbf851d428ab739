"""What to train and how: presets and options in people's words, and signing in.

Not run by itself; ui/retrain.py puts it on the page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.cards import html, notice
from ui.client import IMAGES, TABLE, ApiError, Client
from ui.updates import Sent, updates
from ui.visitor import SIGN_IN, headers_for_change, permission, sign_in

FORM = ["why_not", "signing", "signed", "why", "train", "preset", "image_options", "table_options", "slow"]
OWN = "the preset's own"
SEED = "Where chance begins: the same number gives the same training."
OPTIONS: dict[str, dict[str, tuple[str, str]]] = {
    IMAGES: {
        "epochs": ("Epochs", "How often it goes over all pictures, 1 to 500. More takes longer."),
        "seed": ("Seed", SEED),
    },
    TABLE: {
        "num_boost_round": ("Trees", "How many, 1 to 5000. Each corrects the ones before."),
        "max_depth": ("Depth of a tree", "How many questions it asks in a row, 1 to 15."),
        "learning_rate": ("Learning rate", "How much each tree counts, above 0 and up to 1."),
        "seed": ("Seed", SEED),
    },
}
QUEUED = "Asked for. Watch it on this page; you may also go away and come back."
SLOW_S = 6


def preset_choice(preset: dict[str, Any]) -> tuple[str, str]:
    """`Quick: about 2 minutes, some 83 of 100 pictures right`."""
    minutes = preset["minutes"]
    time = f"about {minutes:g} minutes" if minutes >= 1 else f"about {60 * minutes:.0f} seconds"
    return f"{preset['preset'].capitalize()}: {time}, gives {preset['gives']}", preset["preset"]


def number(label: str, text: str) -> float | int | None:
    """What was typed into a field, None for nothing; the API says what a number may be. Raises ApiError."""
    typed = text.strip().replace(",", ".")
    if not typed:
        return None
    try:
        value = float(typed)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ApiError(f"{label}: “{text.strip()}” is not a number.")
    return int(value) if value.is_integer() else value


@dataclass(frozen=True)
class Fields:
    """The components of the form that others need."""

    model: gr.Radio
    preset: gr.Radio
    options: dict[str, dict[str, gr.Textbox]]
    groups: dict[str, gr.Column]
    train: gr.Button
    note: gr.HTML
    why: gr.HTML
    signing: gr.Column
    password: gr.Textbox
    enter: gr.Button
    sign_note: gr.HTML
    signed: gr.Button


class Form:
    """What happens in the form; every method is an event's handler."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def fill(self, before: Sent, model: str, preset: str | None, token: str, request: gr.Request) -> list[Any]:
        """The presets of the chosen model, and what this visitor may do."""
        try:
            allowed = await permission(self.api, request, token)
            presets = await self.api.presets(model)
        except ApiError as error:
            return updates(FORM, before, {"why": notice(str(error), "warning")})
        names, offered = [item["preset"] for item in presets], [preset_choice(item) for item in presets]
        now = {
            "why_not": "" if allowed.may else allowed.sentence,
            "signing": gr.update(visible=allowed.by_token and not allowed.may),
            "signed": gr.update(visible=allowed.by_token and allowed.may),
            "why": "" if allowed.may else notice(allowed.sentence),
            "train": gr.update(interactive=allowed.may),
            # What a person has chosen is left to them: they may be choosing again right now.
            "preset": gr.update(choices=offered) if preset in names else gr.update(choices=offered, value=names[0]),
            "image_options": gr.update(visible=model == IMAGES),
            "table_options": gr.update(visible=model == TABLE),
            "slow": gr.update(value=SLOW_S),
        }
        return updates(FORM, before, now)

    async def train(self, model: str, preset: str, token: str, request: gr.Request, *texts: str) -> tuple[Any, ...]:
        """Ask for a training: the job to watch, and a sentence."""
        fields = [(name, key, label) for name, group in OPTIONS.items() for key, (label, _) in group.items()]
        try:
            headers = await headers_for_change(self.api, request, token)
            values = {
                key: number(label, text)
                for (name, key, label), text in zip(fields, texts, strict=True)
                if name == model
            }
            given = {key: value for key, value in values.items() if value is not None}
            config = next((item["config"] for item in await self.api.presets(model) if item["preset"] == preset), {})
            job = await self.api.train(model, config | given, headers)
        except ApiError as error:
            return gr.skip(), notice(str(error), "problem")
        return job["id"], notice(QUEUED, "good")

    async def sign_in(self, typed: str, request: gr.Request) -> tuple[Any, ...]:
        """The token into this session's memory when it is right; the field is emptied in any case."""
        try:
            return await sign_in(self.api, request, typed), "", ""
        except ApiError as error:
            return gr.skip(), "", notice(str(error), "problem")


def build() -> Fields:
    """Put the form on the page; ui/retrain.py wires it."""
    with gr.Column(visible=False, elem_id="air-sign-in") as signing:
        html(notice(SIGN_IN))
        with gr.Row(elem_classes="air-actions"):
            password = gr.Textbox(
                label="Admin's token", type="password", autofocus=False, max_lines=1, html_attributes=_no_memory()
            )
            enter = gr.Button("Sign in", elem_id="air-enter")
        sign_note = html(html_template='<div role="status">${value}</div>')
    model = gr.Radio(
        [("Images: what a picture shows", IMAGES), ("Table: malignant or benign", TABLE)],
        value=IMAGES,
        label="Which model?",
        interactive=True,
        elem_id="air-train-model",
    )
    preset = gr.Radio([], label="How thoroughly?", interactive=True, elem_id="air-preset")
    groups, options = {}, {}
    with gr.Accordion("More options", open=False):
        for name, described in OPTIONS.items():
            with gr.Column(visible=name == IMAGES) as groups[name], gr.Row(elem_classes="air-fields"):
                options[name] = {key: _number(*words) for key, words in described.items()}
    train = gr.Button("Train", variant="primary", interactive=False, elem_id="air-train")
    why = html(elem_id="air-why")
    note = html(elem_id="air-train-note", html_template='<div role="status">${value}</div>')
    signed = gr.Button("Sign out", size="sm", visible=False, elem_id="air-sign-out")
    return Fields(model, preset, options, groups, train, note, why, signing, password, enter, sign_note, signed)


def _no_memory() -> gr.InputHTMLAttributes:
    return gr.InputHTMLAttributes(autocomplete="off", spellcheck=False)


def _number(label: str, info: str) -> gr.Textbox:
    """A text field: an empty number field of Gradio shows 0, and sends it."""
    return gr.Textbox(
        "",
        label=label,
        info=info,
        placeholder=OWN,
        max_lines=1,
        max_length=20,
        min_width=120,
        interactive=True,
        elem_classes=["air-field"],
        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
    )
