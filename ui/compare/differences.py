"""Where a version and the champion answer the validation set differently: counted, and shown one by one.

It can take some seconds, so it begins with a button, and its result is shown only while it is about the two versions
in sight.
"""

from __future__ import annotations

import time
from typing import Any

import gradio as gr
from markupsafe import Markup

from ui.kit.cards import LIVE, html, notice
from ui.kit.client import ApiError, Client
from ui.kit.models import TABLE, Shown
from ui.kit.templates import render
from ui.kit.updates import EVENTS, Updates
from ui.look.scripts import BUTTONS

LOOKING = "Both answer the whole validation set. The first time, this takes some seconds …"
FEATURES_SHOWN = 3
MARKS = {"better": "▲ Better", "worse": "▼ Worse", "wrong": "● Both wrong"}

# A version of a model beside the champion; of the model name, family, thing and positive class.
Pair = dict[str, Any]
Feature = dict[str, Any]


def pair_of(model: Shown, version: str, champion: str | None) -> Pair:
    """A version beside the champion."""
    words = {"family": model.family, "thing": model.thing, "positive": model.positive, "unit": model.unit}
    return {"model": model.name, "version": version, "champion": champion} | words


def sentence(thing: str, found: dict[str, Any]) -> Markup:
    """How many pictures or rows they answer differently, and which of them is right how often."""
    what, rows, differing = f"{thing}s", found["rows"], found["differing"]
    if not differing:
        return notice(f"They give the same answer to all {rows:,} validation {what}.")
    better, worse = found["better"], found["worse"]
    look = "good" if better > worse else "warning" if worse > better else "info"
    if any(_is_number(example) for example in found["examples"]):
        text = (
            f"{differing:,} of {rows:,} validation {what} get different answers. Version {found['version']} is nearer "
        )
        return notice(f"{text}to the truth on {better:,} of them, the champion on {worse:,}.", look)
    rest = differing - better - worse
    text = (
        f"{differing:,} of {rows:,} validation {what} get different answers. Version {found['version']} is right on "
        f"{better:,} that the champion gets wrong, and wrong on {worse:,} that the champion gets right"
    )
    text += f"; on {rest:,} both are wrong." if rest else "."
    return notice(text, look)


def _is_number(example: dict[str, Any]) -> bool:
    return example["answers"]["version"].get("value") is not None


def outcome(example: dict[str, Any]) -> str:
    """`better`, `worse` or `wrong`, for the version."""
    truth, answers = example["label"], example["answers"]
    if _is_number(example):
        new, old = (abs(answers[side]["value"] - float(truth)) for side in ("version", "against"))
        return "better" if new < old else "worse"
    if answers["version"]["label"] == truth:
        return "better"
    return "worse" if answers["against"]["label"] == truth else "wrong"


def results(family: str, found: dict[str, Any], features: list[Feature]) -> Markup | str:
    """The examples, as pictures or as rows of a table."""
    if not found["examples"]:
        return ""
    examples = [_example(example, features) for example in found["examples"]]
    shown = f"{len(examples)} of them are shown. " if len(examples) < found["differing"] else ""
    return render(
        "compare/differences.html",
        family=family,
        version=found["version"],
        examples=examples,
        shown=f"{shown}Choose one to ask both about it, below.",
    )


def _example(example: dict[str, Any], features: list[Feature]) -> dict[str, Any]:
    kind = outcome(example)
    return example | {"outcome": kind, "mark": MARKS[kind], "farthest": _farthest(example.get("row") or {}, features)}


def _farthest(row: dict[str, Any], features: list[Feature]) -> list[dict[str, str]]:
    """The features whose numbers are farthest from the median, measured by their range."""

    def distance(feature: Feature) -> float:
        return abs(row[feature["name"]] - feature["median"]) / ((feature["max"] - feature["min"]) or 1)

    numbers = (
        feature for feature in features if row.get(feature["name"]) is not None and feature["median"] is not None
    )
    farthest = sorted(numbers, key=distance, reverse=True)
    return [
        {"name": feature["name"], "value": f"{row[feature['name']]:g}", "median": f"{feature['median']:g}"}
        for feature in farthest[:FEATURES_SHOWN]
    ]


class Differences:
    """The components; creating it puts them on the page. ``came`` is the last result, with the request's time."""

    def __init__(self, api: Client, pair: gr.State) -> None:
        self.api, self.pair = api, pair
        self.asked, self.came = gr.State(None), gr.State(None)
        with gr.Column(visible=False) as self.part:
            html('<h3 class="air-part">Where they differ</h3>')
            self.button = gr.Button("Show where they differ", size="md", elem_id="air-differ", elem_classes="air-small")
            self.sentence = html(elem_id="air-differ-note", html_template=LIVE)
            self.shown = html(js_on_load=BUTTONS, elem_id="air-differences")

    def wire(self) -> None:
        """Make it work."""
        self.button.click(lambda pair: {"pair": pair, "at": time.time_ns()}, self.pair, self.asked, **EVENTS)
        self.asked.change(self._fetch, self.asked, self.came, **EVENTS)
        states = [self.pair, self.asked, self.came]
        changing = [self.part, self.button, self.sentence, self.shown]
        gr.on([state.change for state in states], self._show, states, changing, **EVENTS)

    async def _fetch(self, asked: dict[str, Any] | None) -> Any:
        """The differences of a pair, or why there are none; by now another pair may be in sight."""
        if not asked or not asked["pair"]:
            return gr.skip()
        pair = asked["pair"]
        came = {"asked": asked["at"]}
        try:
            found = await self.api.differences(pair["model"], pair["version"], pair["champion"])
            features = await self.api.features(pair["model"]) if pair["family"] == TABLE else []
        except ApiError as error:
            return came | {"problem": str(error)}
        return came | {"found": found, "features": features}

    def _show(self, pair: Pair | None, asked: dict[str, Any] | None, came: dict[str, Any] | None) -> Updates:
        """The button, a sentence and the examples, for the pair in sight."""
        now = {self.part: gr.update(visible=pair is not None), self.shown: ""}
        offered, gone = {self.button: gr.update(visible=True)}, {self.button: gr.update(visible=False)}
        if not pair or not asked or asked["pair"] != pair:
            return now | offered | {self.sentence: ""}
        if not came or came["asked"] != asked["at"]:
            return now | gone | {self.sentence: notice(LOOKING)}
        if "problem" in came:
            return now | offered | {self.sentence: notice(came["problem"], "warning")}
        found = came["found"]
        drawn = results(pair["family"], found, came["features"])
        return now | gone | {self.sentence: sentence(pair["thing"], found), self.shown: drawn}
