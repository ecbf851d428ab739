"""What to train and how: model, preset and options, in the words of the API."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.jobs import options
from ui.jobs.view import QUEUED, TRAIN
from ui.kit.cards import LIVE, html, notice
from ui.kit.client import ApiError, Client
from ui.kit.clock import Clock
from ui.kit.models import IMAGE, TABLE, choice, choices
from ui.kit.sign_in import SignIn
from ui.kit.updates import EVENTS, ONCE, Sent, Updates, changed, offered
from ui.kit.visitor import headers_for_change, permission
from ui.kit.words import takes
from ui.tuning import handover

# The options that the form has a field for, by the family of the model.
ASKED = {
    IMAGE: ("epochs", "seed", "correction_weight"),
    TABLE: (
        *("num_boost_round", "max_depth", "l2", "epochs", "hidden_units", "weight_decay"),
        *("learning_rate", "early_stopping", "seed"),
    ),
}
ASKS = {IMAGE: "How thoroughly?", TABLE: "Which learner?"}
LEARN = "Learn from corrections"
LEARN_INFO = "Adds the pictures whose answer was corrected on the Images screen to the usual ones."
STARTS = [("As suits the number of pictures", ""), ("The shipped model's weights", "shipped"), ("New weights", "new")]
NOTHING_TO_LEARN = "There are none yet: correct an answer on the Images screen."


def preset_choice(preset: dict[str, Any]) -> tuple[str, str]:
    """`Quick: about 3 minutes, gives some 85 of 100 pictures right`, or its title where nothing was measured yet."""
    parts = [takes(preset["minutes"]), f"gives {preset['gives']}" if preset["gives"] else ""]
    known = ", ".join(filter(None, parts))
    return f"{preset['title']}: {known}" if known else preset["title"], preset["preset"]


def preset_choices(presets: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Every preset, with what the server lacks for it where others do not need that."""
    alike = len({preset["needs"] for preset in presets}) == 1
    found = [(*preset_choice(preset), preset["needs"]) for preset in presets]
    return [(f"{words}. {needs}" if needs and not alike else words, name) for words, name, needs in found]


def _chosen(presets: list[dict[str, Any]], preset: str | None) -> dict[str, Any]:
    """The preset of a name; the first where there is none such."""
    return next((item for item in presets if item["preset"] == preset), presets[0])


def _preset_of(presets: list[dict[str, Any]], found: handover.Found) -> str | None:
    """The preset of what a study found: the one whose choice it makes too."""
    return next((item["preset"] for item in presets if item["config"].items() <= found["config"].items()), None)


def _with_effect(properties: dict[str, options.Option], preset: dict[str, Any]) -> dict[str, options.Option]:
    """The options that have an effect with a preset, with its defaults."""
    effective = preset["options"]
    return {
        name: option | ({} if effective[name] is None else {"default": effective[name]})
        for name, option in properties.items()
        if name in effective
    }


class Form:
    """The components of the form; creating it puts them on the page.

    ``chosen`` becomes the id of the training that was queued. ``taken`` is what the Tuning screen found; it is shown,
    and used, for its own model only.
    """

    def __init__(self, api: Client, token: gr.State, taken: gr.State, chosen: gr.State) -> None:
        self.api, self.token, self.taken, self.chosen = api, token, taken, chosen
        self.sign_in = SignIn("air")
        self.model = choice("air-train-model")
        self.preset = gr.Radio([], label=ASKS[IMAGE], interactive=True, elem_id="air-preset")
        self.learn = gr.Checkbox(label=LEARN, info=NOTHING_TO_LEARN, interactive=False, elem_id="air-learn")
        self.fields: dict[str, dict[str, gr.Textbox]] = {}
        with gr.Accordion("More options", open=False) as self.more:
            for family, names in ASKED.items():
                with gr.Row(elem_classes="air-fields"):
                    self.fields[family] = options.fields(names)
            self.init = gr.Radio(STARTS, value="", label="Start from", interactive=True, elem_id="air-init")
        with gr.Column(visible=False, elem_id="air-taken", elem_classes="air-own") as self.brought:
            self.brought_note = html()
            self.remove = gr.Button("Remove them", size="sm", elem_id="air-taken-remove")
        self.train = gr.Button("Train", variant="primary", interactive=False, elem_id="air-train")
        self.sign_in.why.render()
        self.note = html(elem_id="air-train-note", html_template=LIVE)
        self.sign_in.sign_out.render()
        self.sent = gr.State({})

    @property
    def typed(self) -> list[gr.Textbox]:
        """The text fields of all families."""
        return [field for fields in self.fields.values() for field in fields.values()]

    def wire(self, ticking: Clock) -> None:
        """Make it work."""
        filled = [self.sent, self.model, *self.sign_in.components, self.train, self.preset, self.learn]
        brought = [self.brought, self.brought_note, self.more]
        gr.on(
            [*ticking.glances, self.model.change, self.preset.change, self.token.change, self.taken.change],
            self._fill,
            [self.sent, self.model, self.preset, self.token, self.taken],
            [*filled, *brought, self.init, *self.typed],
            **EVENTS,
        )
        self.sign_in.wire(self.api, self.token)
        queued_from = [self.model, self.preset, self.init, self.learn, self.token, self.taken, *self.typed]
        self.train.click(self._train, queued_from, [self.chosen, self.note], **ONCE)
        self.remove.click(lambda: None, None, self.taken, **EVENTS)

    async def _fill(
        self,
        before: Sent,
        model: str | None,
        preset: str | None,
        token: str,
        taken: handover.Found | None,
        request: gr.Request,
    ) -> Updates:
        """The presets and options of the chosen model, what a study found for it, and what this visitor may do.

        All in one handler: of two, the slower one would put back the presets of the model before. The screen chooses
        the first model: that of the training that it finds.
        """
        at = taken["at"] if taken else None
        new = at != before.get("taken")
        try:
            allowed = await permission(self.api, request, token)
            models = await self.api.catalogue()
            if new and taken and taken["model"] in models:
                model = taken["model"]
            if model is None:
                return changed(self.sent, before, self.sign_in.shown(allowed))
            if model not in models:
                return changed(self.sent, before, {self.model: choices(models, model)})
            presets = await self.api.presets(model)
            properties = (await self.api.options(model))["train"]["properties"]
        except ApiError as error:
            return changed(self.sent, before, {self.sign_in.why: notice(str(error), "warning")})
        family = models[model].family
        own = self.fields[family]
        found = taken if taken and taken["model"] == model else None
        shown = _chosen(presets, _preset_of(presets, found) if new and found else preset)
        properties = _with_effect(properties, shown)
        now = {self.model: choices(models, model)} | self.sign_in.shown(allowed)
        for name, fields in self.fields.items():
            now |= options.described(fields, properties if name == family else {})
        now |= {
            self.train: gr.update(interactive=allowed.may),
            self.init: gr.update(visible="init" in properties or options.HIDDEN),
            self.preset: offered(preset_choices(presets), preset)
            | {"label": ASKS[family], "info": presets[0]["needs"]},
            self.learn: await self._learnable("use_corrections" in properties),
            self.brought: gr.update(visible=found is not None),
            self.brought_note: handover.note(found, own) if found else "",
        }
        sent = changed(self.sent, before, now, taken=at)
        if not new:
            return sent
        values: Updates = dict.fromkeys(self.typed, "")
        if found:
            values |= {field: handover.text(found, name) for name, field in own.items()}
            values |= {self.model: model, self.preset: shown["preset"]}
            sent[self.more] = gr.update(open=True)
        return sent | {field: now.get(field, gr.update()) | {"value": value} for field, value in values.items()}

    async def _learnable(self, possible: bool) -> Any:
        """Whether there is a correction to learn from; while there is one, the tick is left as the person set it."""
        shown = gr.update(visible=possible)
        if not possible:
            return shown
        try:
            count = len(await self.api.corrections())
        except ApiError:
            return shown
        if not count:
            return shown | gr.update(label=LEARN, info=NOTHING_TO_LEARN, value=False, interactive=False)
        label = "Learn from the one correction" if count == 1 else f"Learn from the {count} corrections"
        return shown | gr.update(label=label, info=LEARN_INFO, interactive=True)

    async def _train(
        self,
        model: str,
        preset: str,
        init: str,
        learn: bool,
        token: str,
        taken: handover.Found | None,
        request: gr.Request,
        *texts: str,
    ) -> Updates:
        """Queue a training."""
        typed = dict(zip(self.typed, texts, strict=True))
        try:
            own = self.fields[(await self.api.shown(model)).family]
            headers = await headers_for_change(self.api, request, token)
            properties = (await self.api.options(model))["train"]["properties"]
            chosen = _chosen(await self.api.presets(model), preset)
            own = {name: field for name, field in own.items() if name in chosen["options"]}
            values = {name: options.number(properties[name]["title"], typed[field]) for name, field in own.items()}
            given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
            if learn and "use_corrections" in properties:
                given["use_corrections"] = True
            if init and "init" in properties:
                given["init"] = init
            carried = handover.carried(taken, model, own).items()
            config = {name: value for name, value in carried if name in chosen["options"]} | chosen["config"] | given
            job = await self.api.queue(TRAIN, model, config, headers)
        except ApiError as error:
            return {self.note: notice(await self._refusal(error, model), "problem")}
        return {self.chosen: job["id"], self.note: notice(QUEUED, "good")}

    async def _refusal(self, error: ApiError, model: str) -> str:
        """A sentence that names a refused option as the form does."""
        path, problem = options.refused(error)
        if not path:
            return problem
        option = (await self.api.options(model))["train"]["properties"].get(path[0], {"title": path[0]})
        return f"{option['title']}: {problem}."
