"""What to search: model, how thoroughly, how long, and which values to try."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.jobs import options
from ui.jobs.view import QUEUED, TUNE
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.clock import Clock
from ui.kit.models import IMAGE, TABLE, choice, choices
from ui.kit.sign_in import SignIn
from ui.kit.updates import EVENTS, ONCE, Sent, Updates, changed, offered
from ui.kit.visitor import headers_for_change, permission
from ui.kit.words import takes
from ui.tuning import space as study_space

TIME_LIMIT = "time_budget_s"  # in seconds; the field asks for minutes
FIRST, FURTHER = ("num_samples", TIME_LIMIT), ("max_concurrent", "seed")
SEE_SPACE = "There is a problem with what to try; see the message beside the field."
SEE_FIELD = "There is a problem with “{}”; see the message above the field."
WHAT_TO_TRY = "What to try"
SPACE_READ = "Ticked parameters are tried between “From” and “To”, both included; the others keep their usual value."
# A place that only our own script fills, and a value beside it that travels with the clicks.
SPACE_PLACE = '<div data-air-space class="air-scroll-x"></div>'
ON_SPACE = """\
const root = () => document.getElementById('air-space-fields').querySelector('[data-air-space]');
airSpace.start(root, props, watch, name => { if (name === 'input') trigger('input'); });"""
ON_FAULTS = """\
watch('value', () => airSpace.faults(document.querySelector('[data-air-space]'), props.value || {}));"""


def preset_choice(family: str, search: dict[str, Any]) -> tuple[str, str]:
    """`Default: 50 trials of 8 parameters, about 1 minute`."""
    trials, names = search["num_samples"], len(search["space"])
    if search["learners"]:
        folds = f"{search['repeats']} × {search['folds']} folds"
        tried = f"{trials} trials of {len(search['learners'])} learners, each on {folds}"
        return f"Leaderboard: {', '.join(filter(None, [tried, takes(search['minutes'])]))}", search["preset"]
    title = "As in the chapter" if search["preset"] == "chapter" else search["preset"].capitalize()
    short = ", each a short training on a part of the pictures" if family == IMAGE else ""
    tried = f"{trials} trial{'' if trials == 1 else 's'} of {names} parameter{'' if names == 1 else 's'}"
    return f"{title}: {', '.join(filter(None, [tried, takes(search['minutes'])]))}{short}", search["preset"]


class Form:
    """The components of the form; creating it puts them on the page.

    ``chosen`` becomes the id of the study that was queued.
    """

    def __init__(self, api: Client, token: gr.State, chosen: gr.State) -> None:
        self.api, self.token, self.chosen = api, token, chosen
        self.sign_in = SignIn("air-tune")
        self.model = choice("air-tune-model")
        self.preset = gr.Radio([], label="Which search?", interactive=True, elem_id="air-tune-preset")
        with gr.Row(elem_classes="air-fields"):
            self.fields = options.fields(FIRST)
        with gr.Accordion(WHAT_TO_TRY, open=False, elem_id="air-space-fields") as self.box:
            html(quiet(SPACE_READ))
            html(html_template=SPACE_PLACE)
            self.space = html(html_template="<span></span>", js_on_load=ON_SPACE, elem_classes="air-carrier")
            self.faults = html(html_template="<span></span>", js_on_load=ON_FAULTS, elem_classes="air-carrier")
        with gr.Accordion("More options", open=False), gr.Row(elem_classes="air-fields"):
            self.fields |= options.fields(FURTHER)
        self.start = gr.Button("Search", variant="primary", interactive=False, elem_id="air-tune-start")
        self.sign_in.why.render()
        self.note = html(elem_id="air-tune-note", html_template=LIVE)
        self.sign_in.sign_out.render()
        self.sent = gr.State({})

    def wire(self, ticking: Clock) -> None:
        """Make it work."""
        typed = list(self.fields.values())
        filled = [
            self.sent,
            self.model,
            *self.sign_in.components,
            self.start,
            self.preset,
            self.space,
            self.faults,
            self.box,
        ]
        gr.on(
            [*ticking.glances, self.model.change, self.preset.input, self.token.change],
            self._fill,
            [self.sent, self.model, self.preset, self.token],
            [*filled, *typed],
            **EVENTS,
        )
        self.sign_in.wire(self.api, self.token)
        self.space.input(self._check, [self.model, self.space], self.faults, **EVENTS)
        self.start.click(
            self._start,
            [self.model, self.preset, self.space, self.token, *typed],
            [self.chosen, self.note, self.faults, self.box, *typed],
            **ONCE,
        )

    async def _fill(
        self, before: Sent, model: str | None, preset: str | None, token: str, request: gr.Request
    ) -> Updates:
        """The searches of the chosen model, their options and parameters, and what this visitor may do."""
        try:
            models = await self.api.catalogue()
            if model not in models:
                return {self.model: choices(models, model, first=TABLE)}
            allowed = await permission(self.api, request, token)
            searches, properties = await self.api.searches(model), await self._properties(model)
        except ApiError as error:
            return changed(self.sent, before, {self.sign_in.why: notice(str(error), "warning")})
        presets = [preset_choice(models[model].family, search) for search in searches["searches"]]
        names = [name for _, name in presets]
        picked = preset if preset in names else names[0]
        space = {"key": f"{model} {picked}", "rows": study_space.rows(searches, picked)}
        own_space = any(item["space"] for item in searches["searches"] if item["preset"] == picked)
        now = self.sign_in.shown(allowed) | options.described(self.fields, properties)
        now |= {
            self.start: gr.update(interactive=allowed.may),
            self.model: choices(models, model),
            self.preset: offered(presets, preset),
            self.space: space,
            self.box: gr.update(visible=own_space),
        }
        sent = changed(self.sent, before, now)
        return sent | {self.faults: {}} if self.space in sent else sent

    async def _properties(self, model: str) -> dict[str, options.Option]:
        properties = (await self.api.options(model))["tune"]["properties"]
        return properties | {TIME_LIMIT: options.in_minutes(properties[TIME_LIMIT])}

    async def _check(self, model: str, space: dict[str, Any] | None) -> Any:
        """What is wrong with the space as it is typed right now."""
        try:
            tunable = (await self.api.searches(model))["tunable"]
        except ApiError:
            return gr.skip()
        return study_space.check(space["rows"], tunable) if space else gr.skip()

    async def _start(
        self, model: str, preset: str, space: dict[str, Any] | None, token: str, request: gr.Request, *texts: str
    ) -> Updates:
        """Queue a study, or show what is wrong beside its field."""
        rows = space["rows"] if space else []
        try:
            headers = await headers_for_change(self.api, request, token)
            searches, properties = await self.api.searches(model), await self._properties(model)
        except ApiError as error:
            return {self.note: notice(str(error), "problem")}
        given, wrong = _typed(dict(zip(self.fields, texts, strict=True)), properties)
        if not any(item["space"] for item in searches["searches"] if item["preset"] == preset):
            rows = []
        faults = study_space.check(rows, searches["tunable"]) if rows else {}
        if faults or wrong:
            return self._refused(faults, wrong, properties)
        tried = {"space": study_space.space(rows)} if rows and rows != study_space.rows(searches, preset) else {}
        try:
            job = await self.api.queue(TUNE, model, {"preset": preset} | given | tried, headers)
        except ApiError as error:
            path, problem = options.refused(error)
            faults = study_space.refused(path, problem, rows)
            wrong = {path[0]: f"{problem}."} if path and path[0] in self.fields else {}
            return self._refused(faults, wrong, properties, str(error))
        return self._marked({}, {}, properties) | {self.chosen: job["id"], self.note: notice(QUEUED, "good")}

    def _refused(
        self,
        faults: study_space.Faults,
        wrong: dict[str, str],
        properties: dict[str, options.Option],
        sentence: str = "",
    ) -> Updates:
        """A note that leads to the fields, and each fault beside its field; or ``sentence`` where no field is named."""
        if faults:
            sentence = SEE_SPACE
        elif wrong:
            sentence = SEE_FIELD.format(properties[next(iter(wrong))]["title"])
        opened = {self.box: gr.update(open=True)} if faults else {}
        return self._marked(faults, wrong, properties) | opened | {self.note: notice(sentence, "problem")}

    def _marked(
        self, faults: study_space.Faults, wrong: dict[str, str], properties: dict[str, options.Option]
    ) -> Updates:
        """Every field as right or wrong, with its help or what is wrong."""
        marked = {
            field: gr.update(
                info=wrong.get(name, options.help_of(properties[name])),
                elem_classes=options.WRONG if name in wrong else options.PLAIN,
            )
            for name, field in self.fields.items()
        }
        return marked | {self.faults: faults}


def _typed(
    texts: dict[str, str], properties: dict[str, options.Option]
) -> tuple[dict[str, float | int], dict[str, str]]:
    """The values of the fields that are not empty, and what is wrong by field."""
    given, wrong = {}, {}
    for name, text in texts.items():
        try:
            value = options.number(properties[name]["title"], text)
        except ApiError as error:
            wrong[name] = str(error)
            continue
        if value is not None:
            given[name] = value * 60 if name == TIME_LIMIT else value
    return given, wrong
