"""The Table screen: thirty measurements in, malignant or benign out, and why.

Run all screens with `python -m ui`. Names, units and ranges of the measurements come from the
API and are put into the empty form when the API first answers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import gradio as gr

from ui.kit import clock
from ui.kit.cards import answered_by, card, code_box, html, listed, notice, percent, quiet
from ui.kit.client import TABLE, ApiError, Client
from ui.kit.updates import EVENTS
from ui.kit.visitor import address_of
from ui.predict.pushes import pushes_card
from ui.predict.snippets import public_api, row_code

REAL_ROWS = 2
SEEDS = 2**32
GROUPS = {"mean": "Mean values", "error": "Standard errors", "worst": "Worst values (mean of the three largest)"}

ANSWERS, PER_GROUP = 6, 10
THRESHOLD = "Call a sample malignant from this probability on. Lower: fewer misses, more false alarms."

Feature = dict[str, Any]
Example = dict[str, Any]
Values = Sequence[float | None]

INTRO = """\
<div class="air-intro"><h2>Is this sample malignant or benign?</h2>
<p>Thirty measurements of cell nuclei in a breast tissue sample, from the Wisconsin data of 1995.
Change any of them and read how the answer moves.</p>
<p class="air-notice air-info"><strong>A demonstration, not medical advice.</strong> It must not
be used to judge anybody's health.</p></div>"""
WAITING = quiet("The form appears as soon as the table model is up.")


def title_of(feature: Feature) -> str:
    """`mean radius (µm)`; a ratio has no unit."""
    return f"{feature['name']} ({feature['unit']})" if feature["unit"] else feature["name"]


def range_of(feature: Feature) -> str:
    """`6.981 – 28.11`."""
    return f"{feature['min']:g} – {feature['max']:g}"


def arranged(features: list[Feature]) -> list[Feature]:
    """The features in the order of the form's fields. Raises ApiError when the form has no room for them."""
    groups = [[feature for feature in features if feature["group"] == group] for group in GROUPS]
    if len(features) != len(GROUPS) * PER_GROUP or any(len(group) != PER_GROUP for group in groups):
        raise ApiError(f"The model takes {len(features)} features that this form has no fields for.")
    return [feature for group in groups for feature in group]


def medians(features: list[Feature]) -> list[float]:
    """Typical values."""
    return [feature["median"] for feature in features]


def filled(features: list[Feature], values: list[float]) -> list[dict[str, Any]]:
    """Put values into the fields."""
    return [field_note(feature, value) | {"value": value} for feature, value in zip(features, values, strict=True)]


def field_note(feature: Feature, value: float | None) -> dict[str, Any]:
    """The line under a field's name: its range, or what is wrong with its value."""
    if value is None:
        return gr.update(
            info=f"Empty: type a number, say {feature['median']:g}", elem_classes=["air-field", "air-empty"]
        )
    if feature["min"] <= value <= feature["max"]:
        return gr.update(info=range_of(feature), elem_classes=["air-field"])
    side = "Below" if value < feature["min"] else "Above"
    text = f"{side} the training range {range_of(feature)}"
    return gr.update(info=text, elem_classes=["air-field", "air-outside"])


def empty_text(features: list[Feature]) -> str:
    """One sentence that names the empty fields."""
    names = listed([f"“{title_of(feature)}”" for feature in features])
    return f"{names} {'is' if len(features) == 1 else 'are'} empty. Type a number to get an answer."


def decide(probability: float, threshold: float) -> str:
    """The word for a probability of malignant at this threshold."""
    return "malignant" if probability >= threshold else "benign"


def answer_glance(prediction: dict[str, Any], threshold: float) -> str:
    """The answer in one line."""
    probability = prediction["probability_malignant"]
    decision = decide(probability, threshold)
    return (
        f'<p class="air-glance" aria-hidden="true"><strong>{decision}</strong>'
        f"<span>probability of malignant {percent(probability)}</span></p>"
    )


def answer_card(reply: dict[str, Any], threshold: float, truth: str | None) -> str:
    """The decision at this threshold; `truth` is the true label of a real row that was not changed."""
    prediction = reply["predictions"][0]
    probability = prediction["probability_malignant"]
    decision = decide(probability, threshold)
    relation = "at or above" if decision == "malignant" else "below"
    body = [
        f'<p class="air-verdict air-{decision}"><strong>{decision}</strong></p>',
        f'<p class="air-track air-wide"><span class="air-fill" style="width:{probability:.2%}"></span>'
        f'<span class="air-mark" style="left:{threshold:.2%}"></span></p>',
        f"<p>Probability of malignant: <strong>{percent(probability)}</strong>, {relation} the threshold of "
        f"{100 * threshold:.0f} %.</p>",
    ]
    if truth:
        right = decision == truth
        text = f"{'Right' if right else 'Wrong'}: the true label of this real row is {truth}."
        body.append(notice(text, "good" if right else "problem"))
    if outside := prediction["out_of_range"]:
        body.append(notice(outside_text(outside), "warning"))
    return card("Answer", "".join([*body, answered_by(reply)]))


def outside_text(names: list[str]) -> str:
    """Warns that the model has seen no such values."""
    shown = listed(names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"])
    verb = "lies" if len(names) == 1 else "lie"
    return f"{shown} {verb} outside the range of the training rows: the model has seen nothing like it."


def tradeoff(evaluation: dict[str, Any], threshold: float) -> str:
    """False alarms and misses on the validation rows at this threshold."""
    steps = evaluation.get("thresholds")
    if not steps:
        return quiet("There are no figures for thresholds of this version.")
    step = min(steps, key=lambda step: abs(step["threshold"] - threshold))
    return (
        '<dl class="air-stats" aria-live="polite">'
        f"<div><dt>False alarms</dt><dd>{step['false_alarms']}</dd><dd>benign, called malignant</dd></div>"
        f"<div><dt>Misses</dt><dd>{step['misses']}</dd><dd>malignant, called benign</dd></div></dl>"
        f"{quiet(validation_text(evaluation['validation']))}"
    )


def validation_text(validation: dict[str, Any]) -> str:
    """Which rows the counts are about."""
    matrix, labels = validation["confusion"]["matrix"], validation["confusion"]["labels"]
    parts = [f"{sum(row)} {label}" for label, row in zip(labels, matrix, strict=True)]
    return f"Counted on {validation['rows']} validation rows ({listed(parts)}), which the model was not trained on."


class Screen:
    """What happens on this screen; every method is an event's handler or a part of one."""

    def __init__(self, api: Client, public_url: str | None) -> None:
        self.api = api
        self.public_url = public_url

    async def fill(self, threshold: float, request: gr.Request) -> list[Any]:
        """Names, ranges and medians into the form once the API has them; until then the timer asks again."""
        try:
            features = arranged(await self.api.features(fresh=True))
        except ApiError as error:
            text = WAITING if error.passing else notice(str(error), "problem")
            skipped = [gr.skip()] * (ANSWERS + len(GROUPS) * PER_GROUP)
            return [text, gr.update(visible=False), gr.update(active=error.passing), *skipped]
        first = await self.answer(features, medians(features), threshold, None, request)
        fields = [
            update | {"label": title_of(feature), "step": feature["step"]}
            for update, feature in zip(filled(features, medians(features)), features, strict=True)
        ]
        return ["", gr.update(visible=True), gr.update(active=False), *first, *fields]

    async def edited(
        self, request: gr.Request, threshold: float, real: Example | None, *values: float | None
    ) -> list[Any]:
        """The answer to the form as it is now, and a word at each field that needs one."""
        try:
            features = arranged(await self.api.features())
        except ApiError as error:
            return [*_no_answer(error), *[gr.skip()] * len(values)]
        notes = [field_note(feature, value) for feature, value in zip(features, values, strict=True)]
        return [*await self.answer(features, values, threshold, real, request), *notes]

    async def load_real(self, request: gr.Request, threshold: float, last: Example | None) -> list[Any]:
        """A validation row into the form, another one than the last."""
        try:
            features = arranged(await self.api.features())
            rows = await self.api.examples(TABLE, REAL_ROWS, random.randrange(SEEDS))
        except ApiError as error:
            return [*_no_answer(error), *[gr.skip()] * (1 + len(GROUPS) * PER_GROUP)]
        example = next((row for row in rows if row != last), rows[0])
        values = [example["row"][feature["name"]] for feature in features]
        return [*await self.answer(features, values, threshold, example, request), example, *filled(features, values)]

    async def answer(
        self, features: list[Feature], values: Values, threshold: float, real: Example | None, request: gr.Request
    ) -> tuple[Any, ...]:
        """Everything beside the form, for the values in the form; `real` is the last real row loaded."""
        empty = [feature for feature, value in zip(features, values, strict=True) if value is None]
        if empty:
            return _no_answer(ApiError(empty_text(empty)))
        row = {feature["name"]: value for feature, value in zip(features, values, strict=True)}
        try:
            reply = await self.api.predict_row(row, address_of(request))
            figures = await self.figures(reply["model"]["version"], threshold)
        except ApiError as error:
            return _no_answer(error)
        truth = real["label"] if real and real["row"] == row else None
        prediction = reply["predictions"][0]
        pushes = pushes_card(prediction["contributions"], row, prediction["probability_malignant"])
        code = row_code(public_api(request, self.public_url), row)
        shown, glance = answer_card(reply, threshold, truth), answer_glance(prediction, threshold)
        return shown, glance, figures, pushes, code, gr.update(active=False)

    async def figures(self, version: str, threshold: float) -> str:
        """False alarms and misses of the version that answered."""
        try:
            return tradeoff(await self.api.evaluation(TABLE, version), threshold)
        except ApiError as error:
            return quiet(str(error))


def _no_answer(error: ApiError) -> tuple[Any, ...]:
    """Nothing of the last answer stays, since it would be read as the answer to these values."""
    shown = (
        notice(f"{error} This page tries again by itself.", "warning")
        if error.passing
        else notice(str(error), "problem")
    )
    return card("Answer", shown), "", "", "", "", gr.update(active=error.passing)


def build(api: Client, page: gr.Blocks, public_url: str | None) -> None:
    """Put the screen on the page and wire it."""
    screen = Screen(api, public_url)

    with gr.Row(elem_classes="air-screen"):
        with gr.Column(scale=6, min_width=300):
            html(INTRO)
            waiting = html(WAITING)
            with gr.Column(visible=False, elem_id="air-form") as form:
                with gr.Row(elem_classes="air-actions"):
                    load = gr.Button("Load a real row", variant="primary")
                    reset = gr.Button("Typical values")
                fields = [field for title in GROUPS.values() for field in field_group(title)]
            glance = html(elem_id="air-glance")
        with gr.Column(scale=5, min_width=300):
            shown = html(card("Answer", WAITING), elem_id="air-table-answer")
            threshold = gr.Slider(0, 1, 0.5, step=0.01, label="Threshold", info=THRESHOLD, elem_id="air-threshold")
            figures = html(elem_id="air-figures")
            pushes = html(elem_id="air-pushes")
            code = code_box()
    real = gr.State(None)
    filling = clock.timer(clock.RETRY)
    retry = clock.timer(clock.RETRY, active=False)
    answers = [shown, glance, figures, pushes, code, retry]

    everything = [waiting, form, filling, *answers, *fields]
    gr.on([page.load, filling.tick, reset.click], screen.fill, threshold, everything, **EVENTS)
    load.click(screen.load_real, [threshold, real], [*answers, real, *fields], **EVENTS)
    # One event for all of them, so that an answer to older values cannot come after a newer one.
    changes = [threshold.input, retry.tick, *[field.input for field in fields]]
    gr.on(changes, screen.edited, [threshold, real, *fields], [*answers, *fields], **EVENTS)


def field_group(title: str) -> list[gr.Number]:
    """Number fields that have no names yet; the first group is in sight, the others are folded."""
    with gr.Accordion(title, open=title == next(iter(GROUPS.values()))), gr.Row(elem_classes="air-fields"):
        return [gr.Number(min_width=120, interactive=True, elem_classes=["air-field"]) for _ in range(PER_GROUP)]
