"""What to search: model, how thoroughly, how long, and which values to try.

Not run by itself; ui/tuning/screen.py puts it on the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.jobs.view import QUEUED, TUNE
from ui.kit import sign_in
from ui.kit.cards import LIVE, html, notice, quiet, which_model
from ui.kit.client import IMAGES, TABLE, ApiError, Client
from ui.kit.updates import Sent, offered, updates
from ui.kit.visitor import headers_for_change, permission
from ui.retrain.form import SEED, number
from ui.tuning import space as study_space

FORM = ["why_not", "signing", "signed", "why", "start", "preset", "space", "faults"]
PRESETS_OWN = "the search's own"
FIELDS = {
    "num_samples": ("Trials", "How many, 1 to 1000. Each is a short training."),
    "time_budget_s": ("Minutes at most", "What has ended by then is kept. Empty: no limit."),
    "max_concurrent": ("At once", "How many trials side by side. Empty: as suits the model."),
    "seed": ("Seed", SEED),
}
FIELD_FAULT = re.compile(r"^config\.(\w+): (.*)", re.DOTALL)
SEE_SPACE = "Something is wrong with what to try. It is said beside the field."
SEE_FIELD = "Something is wrong with “{}”. It is said above the field."
WHAT_TO_TRY = "What to try"
SPACE_READ = "Ticked parameters are tried between “From” and “To”, both included; the others keep their usual value."
# A place that only our own script fills, and a value beside it that travels with the clicks.
ON_SPACE = """\
const root = () => document.getElementById('air-space-fields').querySelector('[data-air-space]');
airSpace.start(root, props, watch, name => { if (name === 'input') trigger('input'); });"""
ON_FAULTS = """\
watch('value', () => airSpace.faults(document.querySelector('[data-air-space]'), props.value || {}));"""


def preset_choice(model: str, search: dict[str, Any]) -> tuple[str, str]:
    """`Default: 50 trials of 8 parameters, about 1 minute`."""
    minutes, trials, names = search["minutes"], search["num_samples"], len(search["space"])
    time = f"about {minutes:g} minute{'' if minutes == 1 else 's'}" if minutes >= 1 else f"about {60 * minutes:.0f} s"
    title = "As the chapter did it" if search["preset"] == "chapter" else search["preset"].capitalize()
    short = ", each a short training on a part of the pictures" if model == IMAGES else ""
    tried = f"{trials} trial{'' if trials == 1 else 's'} of {names} parameter{'' if names == 1 else 's'}"
    return f"{title}: {tried}, {time}{short}", search["preset"]


@dataclass(frozen=True)
class Fields:
    """The components of the form that others need."""

    sign_in: sign_in.Fields
    model: gr.Radio
    preset: gr.Radio
    options: dict[str, gr.Textbox]
    box: gr.Accordion
    space: gr.HTML
    faults: gr.HTML
    start: gr.Button
    why: gr.HTML
    note: gr.HTML
    signed: gr.Button


class Form:
    """What happens in the form; every method is an event's handler or a part of one."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def fill(self, before: Sent, model: str, preset: str | None, token: str, request: gr.Request) -> list[Any]:
        """The searches of the chosen model, their parameters, and what this visitor may do."""
        try:
            allowed = await permission(self.api, request, token)
            searches = await self.api.searches(model)
        except ApiError as error:
            return updates(FORM, before, {"why": notice(str(error), "warning")})
        choices = [preset_choice(model, search) for search in searches["searches"]]
        names = [name for _, name in choices]
        picked = preset if preset in names else names[0]
        now = sign_in.shown(allowed) | {
            "start": gr.update(interactive=allowed.may),
            "preset": offered(choices, preset),
            "space": {"key": f"{model} {picked}", "rows": study_space.rows(model, searches, picked)},
        }
        if before.get("space") != now["space"]:
            now["faults"], before = {}, before | {"faults": None}
        return updates(FORM, before, now)

    async def check(self, model: str, space: dict[str, Any] | None) -> Any:
        """What is wrong with the space as it is typed right now."""
        try:
            tunable = (await self.api.searches(model))["tunable"]
        except ApiError:
            return gr.skip()
        return study_space.check(space["rows"], tunable) if space else gr.skip()

    async def start(
        self, model: str, preset: str, space: dict[str, Any] | None, token: str, request: gr.Request, *texts: str
    ) -> list[Any]:
        """Ask for a study: the job to watch, a sentence, and what is wrong beside its field."""
        given, wrong = _typed(texts)
        rows = space["rows"] if space else []
        try:
            headers = await headers_for_change(self.api, request, token)
            searches = await self.api.searches(model)
            faults = study_space.check(rows, searches["tunable"]) if space else {}
            if faults or wrong:
                return _answer(notice(SEE_SPACE if faults else _see(wrong), "problem"), faults, wrong)
            own = study_space.rows(model, searches, preset)
            tried = {"space": study_space.space(rows)} if rows and rows != own else {}
            job = await self.api.queue(TUNE, model, {"preset": preset} | given | tried, headers)
        except ApiError as error:
            faults, wrong = study_space.refused(str(error), rows), _refused(str(error))
            said = SEE_SPACE if faults else _see(wrong) if wrong else str(error)
            return _answer(notice(said, "problem"), faults, wrong)
        return _answer(notice(QUEUED, "good"), {}, {}, job["id"])


def _typed(texts: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of the fields that are not empty, and what is wrong by field."""
    given, wrong = {}, {}
    for (key, (label, _)), text in zip(FIELDS.items(), texts, strict=True):
        try:
            value = number(label, text)
        except ApiError as error:
            wrong[key] = str(error)
        else:
            if value is not None:
                given[key] = value * 60 if key == "time_budget_s" else value
    return given, wrong


def _see(wrong: dict[str, str]) -> str:
    return SEE_FIELD.format(FIELDS[next(iter(wrong))][0])


def _refused(message: str) -> dict[str, str]:
    found = FIELD_FAULT.match(message)
    return {found[1]: found[2]} if found and found[1] in FIELDS else {}


def _answer(note: str, faults: study_space.Faults, wrong: dict[str, str], job: str | None = None) -> list[Any]:
    fields = [
        gr.update(info=wrong.get(key, info), elem_classes=["air-field", "air-empty"] if key in wrong else ["air-field"])
        for key, (_, info) in FIELDS.items()
    ]
    return [job or gr.skip(), note, faults, gr.update(open=True) if faults else gr.skip(), *fields]


def build() -> Fields:
    """Put the form on the page; ui/tuning/screen.py wires it."""
    signing = sign_in.build("air-tune")
    model = which_model(TABLE, "air-tune-model")
    preset = gr.Radio([], label="Which search?", interactive=True, elem_id="air-tune-preset")
    with gr.Row(elem_classes="air-fields"):
        options = {key: _field(key) for key in ("num_samples", "time_budget_s")}
    with gr.Accordion(WHAT_TO_TRY, open=False, elem_id="air-space-fields") as box:
        html(quiet(SPACE_READ))
        html(html_template='<div data-air-space class="air-scroll-x"></div>')
        space = html(html_template="<span></span>", js_on_load=ON_SPACE, elem_classes="air-carrier")
        faults = html(html_template="<span></span>", js_on_load=ON_FAULTS, elem_classes="air-carrier")
    with gr.Accordion("More options", open=False), gr.Row(elem_classes="air-fields"):
        options |= {key: _field(key) for key in ("max_concurrent", "seed")}
    start = gr.Button("Search", variant="primary", interactive=False, elem_id="air-tune-start")
    why = html(elem_id="air-tune-why")
    note = html(elem_id="air-tune-note", html_template=LIVE)
    signed = sign_in.sign_out_button("air-tune")
    return Fields(signing, model, preset, options, box, space, faults, start, why, note, signed)


def _field(key: str) -> gr.Textbox:
    """A text field: an empty number field of Gradio shows 0, and sends it."""
    label, info = FIELDS[key]
    return gr.Textbox(
        "",
        label=label,
        info=info,
        placeholder=PRESETS_OWN,
        max_lines=1,
        max_length=20,
        min_width=120,
        interactive=True,
        elem_classes=["air-field"],
        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
    )
