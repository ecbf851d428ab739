"""What to train and how: presets and options in people's words.

Not run by itself; ui/retrain/screen.py puts it on the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

from ui.jobs.view import QUEUED, TRAIN
from ui.kit import sign_in, typed
from ui.kit.cards import LIVE, html, notice, which_model
from ui.kit.client import IMAGES, TABLE, ApiError, Client
from ui.kit.updates import Sent, offered, updates
from ui.kit.visitor import headers_for_change, permission
from ui.tuning import handover

FORM = ["why_not", "signing", "signed", "why", "train", "preset", "image_options", "table_options", "learn"]
OWN = "the preset's own"
SEED = "Where chance begins: the same number gives the same training."
OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    IMAGES: {
        "epochs": ("Epochs", "How often it goes over all pictures, 1 to 500. More takes longer."),
        "seed": ("Seed", SEED),
        "correction_weight": ("Weight of a correction", "As how many pictures each one counts, 1 to 1000.", "20"),
    },
    TABLE: {
        "num_boost_round": ("Trees", "How many, 1 to 5000. Each corrects the ones before."),
        "max_depth": ("Depth of a tree", "How many questions it asks in a row, 1 to 15."),
        "learning_rate": ("Learning rate", "How much each tree counts, above 0 and up to 1."),
        "seed": ("Seed", SEED),
    },
}
LEARN = "Learn from corrections"
LEARN_INFO = "Pictures whose answer somebody corrected on the Images screen, besides the usual ones."
NOTHING_TO_LEARN = "There are none yet: correct an answer on the Images screen."


def preset_choice(preset: dict[str, Any]) -> tuple[str, str]:
    """`Quick: about 3 minutes, gives some 85 of 100 pictures right`."""
    minutes = preset["minutes"]
    time = f"about {minutes:g} minutes" if minutes >= 1 else f"about {60 * minutes:.0f} seconds"
    return f"{preset['preset'].capitalize()}: {time}, gives {preset['gives']}", preset["preset"]


def number(label: str, text: str) -> float | int | None:
    """What was typed into a field, None for nothing; the API says what a number may be. Raises ApiError."""
    value, problem = typed.number(text)
    if problem:
        raise ApiError(f"{label}: {problem}.")
    return int(value) if value is not None and value.is_integer() else value


@dataclass(frozen=True)
class Fields:
    """The components of the form that others need."""

    model: gr.Radio
    preset: gr.Radio
    options: dict[str, dict[str, gr.Textbox]]
    groups: dict[str, gr.Column]
    learn: gr.Checkbox
    train: gr.Button
    note: gr.HTML
    why: gr.HTML
    sign_in: sign_in.Fields
    signed: gr.Button
    more: gr.Accordion
    taken: gr.Column
    taken_note: gr.HTML
    remove: gr.Button


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
        now = sign_in.shown(allowed) | {
            "train": gr.update(interactive=allowed.may),
            "preset": offered([preset_choice(item) for item in presets], preset) | {"info": presets[0]["needs"]},
            "image_options": gr.update(visible=_in_sight(model == IMAGES)),
            "table_options": gr.update(visible=_in_sight(model == TABLE)),
            "learn": gr.update(visible=model == IMAGES) | await self._learnable(model),
        }
        return updates(FORM, before, now)

    async def _learnable(self, model: str) -> dict[str, Any]:
        """Whether there is a correction to learn from; the tick itself is left to who set it while there is one."""
        if model != IMAGES:
            return {}
        try:
            count = len(await self.api.corrections())
        except ApiError:
            return {}
        if not count:
            return gr.update(label=LEARN, info=NOTHING_TO_LEARN, value=False, interactive=False)
        label = "Learn from the one correction" if count == 1 else f"Learn from the {count} corrections"
        return gr.update(label=label, info=LEARN_INFO, interactive=True)

    async def take(self, taken: handover.Found | None) -> list[Any]:
        """Fill in what a study found; with nothing, everything is the preset's own again."""
        if taken is None:
            return [
                gr.skip(),
                gr.skip(),
                gr.update(visible=False),
                "",
                gr.skip(),
                *[""] * sum(map(len, OPTIONS.values())),
            ]
        model = taken["model"]
        preset: Any = gr.skip()
        try:
            presets = await self.api.presets(model)
            names = [item["preset"] for item in presets]
            value = taken["config"].get("preset")
            preset = gr.update(
                choices=[preset_choice(item) for item in presets], value=value if value in names else names[0]
            )
        except ApiError:
            pass
        texts = [text for name, group in OPTIONS.items() for text in _taken_texts(taken, name, group)]
        note = handover.note(taken, OPTIONS[model])
        return [model, preset, gr.update(visible=True), note, gr.update(open=True), *texts]

    def taken_for(self, taken: handover.Found | None, model: str) -> Any:
        """What a study found is shown, and used, only for its own model."""
        return gr.update(visible=taken is not None and taken["model"] == model)

    async def train(
        self,
        model: str,
        preset: str,
        learn: bool,
        token: str,
        taken: handover.Found | None,
        request: gr.Request,
        *texts: str,
    ) -> tuple[Any, ...]:
        """Ask for a training: the job to watch, and a sentence."""
        fields = [(name, key, label) for name, group in OPTIONS.items() for key, (label, *_) in group.items()]
        try:
            headers = await headers_for_change(self.api, request, token)
            values = {
                key: number(label, text)
                for (name, key, label), text in zip(fields, texts, strict=True)
                if name == model
            }
            given = {key: value for key, value in values.items() if value is not None}
            if model == IMAGES and learn:
                given["use_corrections"] = True
            config = next((item["config"] for item in await self.api.presets(model) if item["preset"] == preset), {})
            carried = handover.carried(taken, model, OPTIONS[model])
            job = await self.api.queue(TRAIN, model, carried | config | given, headers)
        except ApiError as error:
            return gr.skip(), notice(str(error), "problem")
        return job["id"], notice(QUEUED, "good")


def _in_sight(shown: bool) -> bool | Literal["hidden"]:
    """Hidden by its style alone: Gradio takes what is not visible off the page, and with it what somebody types."""
    return shown or "hidden"


def _taken_texts(taken: handover.Found, model: str, fields: Iterable[str]) -> list[str]:
    return handover.texts(taken if taken["model"] == model else None, fields)


def build() -> Fields:
    """Put the form on the page; ui/retrain/screen.py wires it."""
    signing = sign_in.build("air")
    model = which_model(IMAGES, "air-train-model")
    preset = gr.Radio([], label="How thoroughly?", interactive=True, elem_id="air-preset")
    learn = gr.Checkbox(label=LEARN, info=NOTHING_TO_LEARN, interactive=False, elem_id="air-learn")
    groups, options = {}, {}
    with gr.Accordion("More options", open=False) as more:
        for name, described in OPTIONS.items():
            with gr.Column(visible=_in_sight(name == IMAGES)) as groups[name], gr.Row(elem_classes="air-fields"):
                options[name] = {key: _number(*words) for key, words in described.items()}
    with gr.Column(visible=False, elem_id="air-taken", elem_classes="air-own") as taken:
        taken_note = html()
        remove = gr.Button("Remove them", size="sm", elem_id="air-taken-remove")
    train = gr.Button("Train", variant="primary", interactive=False, elem_id="air-train")
    why = html(elem_id="air-why")
    note = html(elem_id="air-train-note", html_template=LIVE)
    signed = sign_in.sign_out_button("air")
    return Fields(
        model, preset, options, groups, learn, train, note, why, signing, signed, more, taken, taken_note, remove
    )


def _number(label: str, info: str, placeholder: str = OWN) -> gr.Textbox:
    """A text field: an empty number field of Gradio shows 0, and sends it."""
    return gr.Textbox(
        "",
        label=label,
        info=info,
        placeholder=placeholder,
        max_lines=1,
        max_length=20,
        min_width=120,
        interactive=True,
        elem_classes=["air-field"],
        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
    )
