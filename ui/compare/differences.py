"""Where a version and the champion answer the validation set differently: counted, and shown one by one.

Not run by itself; ui/compare/service.py puts it on the page. It can take some seconds, so it is asked for
with a button, and what comes is shown only while it is about the two that are in sight.
"""

from __future__ import annotations

import time
from html import escape
from typing import Any

import gradio as gr

from ui.kit.cards import LIVE, html, notice, percent, png, quiet
from ui.kit.client import IMAGES, TABLE, ApiError, Client
from ui.kit.scripts import BUTTONS
from ui.kit.updates import EVENTS

LOOKING = "Both answer the whole validation set. The first time, this takes some seconds …"
FEATURES_SHOWN = 3
MARKS = {"better": "▲ Better", "worse": "▼ Worse", "wrong": "● Both wrong"}

# The model, a version of it and the champion that it stands beside.
Pair = dict[str, str]
Feature = dict[str, Any]


def sentence(model: str, found: dict[str, Any]) -> str:
    """How many they answer differently, and who is right how often."""
    what, rows, differing = _plural(model), found["rows"], found["differing"]
    if not differing:
        return notice(f"They give the same answer to all {rows:,} validation {what}.")
    better, worse = found["better"], found["worse"]
    rest = differing - better - worse
    text = (
        f"{differing:,} of {rows:,} validation {what} get different answers. Version {found['version']} is right on "
        f"{better:,} that the champion gets wrong, and wrong on {worse:,} that the champion gets right"
    )
    text += f"; on {rest:,} both are wrong." if rest else "."
    return notice(text, "good" if better > worse else "warning" if worse > better else "info")


def outcome(example: dict[str, Any]) -> str:
    """`better`, `worse` or `wrong`, for the version."""
    truth, answers = example["label"], example["answers"]
    if answers["version"]["label"] == truth:
        return "better"
    return "worse" if answers["against"]["label"] == truth else "wrong"


def results(model: str, found: dict[str, Any], features: list[Feature]) -> str:
    """The examples, as pictures or as rows of a table."""
    examples = found["examples"]
    if not examples:
        return ""
    drawn = _pictures(found) if model == IMAGES else _rows(found, features)
    shown = f"{len(examples)} of them are shown. " if len(examples) < found["differing"] else ""
    return f"{drawn}{quiet(f'{shown}Choose one to ask both about it, below.')}"


def _plural(model: str) -> str:
    return "pictures" if model == IMAGES else "rows"


def _mark(example: dict[str, Any]) -> str:
    kind = outcome(example)
    return f'<strong class="air-outcome air-outcome-{kind}">{MARKS[kind]}</strong>'


def _answers(example: dict[str, Any], found: dict[str, Any]) -> str:
    lines = [
        ("Champion", example["answers"]["against"]),
        (f"Version {found['version']}", example["answers"]["version"]),
    ]
    return "".join(
        f"<span>{escape(who)}: {escape(answer['label'])}, {percent(answer['probability'])}</span>"
        for who, answer in lines
    )


def _pictures(found: dict[str, Any]) -> str:
    items = "".join(
        f'<li><button type="button" data-example="{escape(example["id"])}" '
        f'aria-label="Ask both about picture {number}, which shows {escape(example["label"])}">'
        f'<img src="{png(example["image"])}" alt=""></button>'
        f"<p>{_mark(example)}<span>Truth: {escape(example['label'])}</span>{_answers(example, found)}</p></li>"
        for number, example in enumerate(found["examples"], 1)
    )
    return f'<ul class="air-differ" aria-label="Pictures that they answer differently">{items}</ul>'


def _rows(found: dict[str, Any], features: list[Feature]) -> str:
    rows = "".join(
        f"<tr><td>{_mark(example)}<span>Truth: {escape(example['label'])}</span></td>"
        f"<td>{_answers(example, found)}</td><td>{_farthest(example['row'], features)}</td>"
        f'<td><button type="button" data-example="{escape(example["id"])}" '
        f'aria-label="Ask both about row {number}">Ask both</button></td></tr>'
        for number, example in enumerate(found["examples"], 1)
    )
    heads = ("Better or worse", "Answers", "Farthest from the medians")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return f'<table class="air-table air-differ"><thead><tr>{head}<td></td></tr></thead><tbody>{rows}</tbody></table>'


def _farthest(row: dict[str, float], features: list[Feature]) -> str:
    """The features whose values lie farthest from the median, measured by their range."""

    def distance(feature: Feature) -> float:
        return abs(row[feature["name"]] - feature["median"]) / ((feature["max"] - feature["min"]) or 1)

    farthest = sorted((feature for feature in features if feature["name"] in row), key=distance, reverse=True)
    return "".join(
        f"<span>{escape(feature['name'])} {row[feature['name']]:g} <small>median {feature['median']:g}</small></span>"
        for feature in farthest[:FEATURES_SHOWN]
    )


class Differences:
    """What happens here; every method is an event's handler."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def fetch(self, asked: dict[str, Any] | None) -> dict[str, Any]:
        """What was asked for, or why there is none; it may be about a pair that is no longer in sight."""
        if not asked or not asked["pair"]:
            return gr.skip()
        pair = asked["pair"]
        came = {"asked": asked["at"]}
        try:
            found = await self.api.differences(pair["model"], pair["version"], pair["champion"])
            features = await self.api.features(TABLE) if pair["model"] == TABLE else []
        except ApiError as error:
            return came | {"problem": str(error)}
        return came | {"found": found, "features": features}

    def show(self, pair: Pair | None, asked: dict[str, Any] | None, came: dict[str, Any] | None) -> tuple[Any, ...]:
        """The button, a sentence and the examples, for the pair in sight."""
        part, offered, gone = gr.update(visible=pair is not None), gr.update(visible=True), gr.update(visible=False)
        if not pair or not asked or asked["pair"] != pair:
            return part, offered, "", ""
        if not came or came["asked"] != asked["at"]:
            return part, gone, notice(LOOKING), ""
        if "problem" in came:
            return part, offered, notice(came["problem"], "warning"), ""
        model = pair["model"]
        drawn = results(model, came["found"], came["features"])
        return part, gone, sentence(model, came["found"]), drawn


def build(api: Client, pair: gr.State) -> tuple[gr.HTML, gr.State]:
    """Put it on the page and wire it: the list whose examples can be chosen, and what it was drawn from."""
    differences = Differences(api)
    asked, came = gr.State(None), gr.State(None)

    with gr.Column(visible=False) as part:
        html('<h3 class="air-part">Where they differ</h3>')
        button = gr.Button("Show where they differ", size="md", elem_id="air-differ", elem_classes="air-small")
        told = html(elem_id="air-differ-note", html_template=LIVE)
        shown = html(js_on_load=BUTTONS, elem_id="air-differences")

    button.click(lambda pair: {"pair": pair, "at": time.time_ns()}, pair, asked, **EVENTS)
    asked.change(differences.fetch, asked, came, **EVENTS)
    gr.on(
        [state.change for state in (pair, asked, came)],
        differences.show,
        [pair, asked, came],
        [part, button, told, shown],
        **EVENTS,
    )
    return shown, came
