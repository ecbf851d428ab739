"""One picture or row, answered by the champion and by the version beside it.

The answers are shown only while they are about the two versions in sight; when another version is chosen, it is asked
the same.
"""

from __future__ import annotations

import random
import time
from base64 import b64decode
from typing import Any
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from ui.compare import questions
from ui.compare.differences import Differences, Pair
from ui.compare.questions import Question
from ui.kit import uploads
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client, Headers
from ui.kit.models import IMAGE, TABLE, probability_key
from ui.kit.templates import render
from ui.kit.updates import CLICKS, EVENTS, Updates
from ui.kit.visitor import address_of
from ui.kit.words import quantity

SEEDS, ROW_LENGTH = 2**32, 20_000
EMPTY = {
    IMAGE: "Give a picture, or choose one above, to see what each of the two answers.",
    TABLE: "Take a row or paste one, to see what each of the two answers.",
}
ASKING = "Asking both …"
SHOW = "() => document.getElementById('air-ask-both').scrollIntoView({block: 'start', behavior: 'smooth'})"


def side_by_side(pair: Pair, question: Question, both: dict[str, Any]) -> Markup:
    """Whether they agree, what is the truth, and both answers in full."""
    champion, version = both["champion"], both["challenger"]
    agreement, look = _agreement(pair, champion["predictions"][0], version["predictions"][0], question.get("truth"))
    return render(
        "compare/both.html",
        positive=pair["positive"],
        unit=pair["unit"],
        probability=probability_key,
        agreement=agreement,
        look=look,
        picture=_picture(question),
        crisp="image" in question,
        replies=[("Champion", champion), (f"Version {pair['version']}", version)],
    )


def _agreement(pair: Pair, champion: dict[str, Any], version: dict[str, Any], truth: str | None) -> tuple[str, str]:
    if "value" in champion:
        return _distance(pair, champion["value"], version["value"], truth)
    old, new, name = champion["label"], version["label"], f"version {pair['version']}"
    text = f"Both say {old}." if old == new else f"V{name[1:]} says {new}, the champion says {old}."
    if truth is None:
        return text, "info"
    right = [who for who, label in ((name, new), ("the champion", old)) if label == truth]
    whose, look = ("both are right", "good") if len(right) == 2 else ("neither is right", "warning")
    if len(right) == 1:
        whose, look = f"{right[0]} is right", "info"
    return f"{text} The truth is {truth}: {whose}.", look


def _distance(pair: Pair, old: float, new: float, truth: str | None) -> tuple[str, str]:
    """How far two numbers are apart, and which is nearer to the truth."""
    text = f"They differ by {quantity(abs(new - old), pair['unit'])}."
    try:
        known = float(truth) if truth is not None else None
    except ValueError:
        known = None
    if known is None:
        return text, "info"
    farther, nearer = abs(old - known), abs(new - known)
    who = "Both are equally near." if nearer == farther else "The champion is nearer."
    if nearer < farther:
        who = f"Version {pair['version']} is nearer."
    return f"{text} The truth is {quantity(known, pair['unit'])}. {who}", "info"


def _picture(question: Question) -> str:
    if "image" in question:
        return f"data:image/png;base64,{question['image']}"
    return f"gradio_api/file={quote(question['path'])}" if "path" in question else ""


class AskBoth:
    """The components; creating it puts them on the page. An example chosen among the differences is asked too."""

    def __init__(self, api: Client, pair: gr.State, differences: Differences) -> None:
        self.api, self.pair, self.differences = api, pair, differences
        self.question, self.reply = gr.State(None), gr.State(None)
        with gr.Column(visible=False, elem_id="air-ask-both") as self.part:
            html('<h3 class="air-part">Ask both</h3>')
            with gr.Row(elem_classes="air-ask"):
                with gr.Column(scale=2, min_width=260):
                    with gr.Column(visible=False) as self.images:
                        self.picture = _picture_field()
                    with gr.Column(visible=False) as self.table:
                        self.another = gr.Button("Another row", size="md", elem_id="air-another-row")
                        self.row = _row_field()
                        self.ask = gr.Button("Ask both", size="md", elem_id="air-ask-row")
                with gr.Column(scale=5, min_width=300):
                    self.shown = html(elem_id="air-both-answers", html_template=LIVE)
                    self.again = gr.Button("Ask again", size="md", visible=False, elem_id="air-ask-again")

    def wire(self) -> None:
        """Make it work."""
        pair, question, reply = self.pair, self.question, self.reply
        gr.on([question.change, pair.change], self._answer, [question, pair], reply, **EVENTS)
        states = [question, pair, reply]
        changing = [self.part, self.images, self.table, self.shown, self.again]
        gr.on([state.change for state in states], self._show, states, changing, **EVENTS)
        self.picture.input(_ask_upload, [self.picture, pair], question, preprocess=False, **EVENTS)
        self.picture.clear(lambda: None, None, question, **EVENTS)
        self.another.click(self._another_row, [question, pair], [question, self.row], **EVENTS)
        self.ask.click(_ask_text, [self.row, question, pair], question, **EVENTS)
        self.again.click(lambda question: question | {"asked": time.time_ns()}, question, question, **EVENTS)
        found = [question, self.picture, self.row]
        self.differences.shown.select(self._ask_found, [self.differences.came, pair], found, **CLICKS).success(
            None, js=SHOW
        )

    async def _answer(self, question: Question | None, pair: Pair | None, request: gr.Request) -> Any:
        """Both answers, or why there are none, and what they are about."""
        if not question or not pair or question["model"] != pair["model"]:
            return gr.skip()
        about = {"asked": question["asked"], "pair": pair}
        try:
            both = await self._both(question, pair, address_of(request))
        except ApiError as error:
            return about | {"shown": notice(str(error), "problem"), "again": error.passing}
        return about | {"shown": side_by_side(pair, question, both), "again": False}

    async def _both(self, question: Question, pair: Pair, headers: Headers) -> dict[str, Any]:
        if "problem" in question:
            raise ApiError(question["problem"], passing=question.get("passing", False))
        if "row" in question:
            return await self.api.compare_rows(pair["model"], pair["version"], question["row"], headers)
        data = b64decode(question["image"]) if "image" in question else uploads.read(question["path"])
        return await self.api.compare_images(pair["model"], pair["version"], data, headers)

    def _show(self, question: Question | None, pair: Pair | None, reply: dict[str, Any] | None) -> Updates:
        """The form of the model's family, both answers, and whether it makes sense to ask again."""
        now: Updates = {self.part: gr.update(visible=pair is not None), self.again: gr.update(visible=False)}
        if pair is None:
            return now | {self.shown: ""}
        family = pair["family"]
        now |= {
            self.images: gr.update(visible=family == IMAGE),
            self.table: gr.update(visible=family == TABLE),
        }
        if not question or question["model"] != pair["model"]:
            return now | {self.shown: quiet(EMPTY[family])}
        if not reply or reply["asked"] != question["asked"] or reply["pair"] != pair:
            return now | {self.shown: quiet(ASKING)}
        return now | {self.shown: reply["shown"], self.again: gr.update(visible=reply["again"])}

    async def _another_row(self, question: Question | None, pair: Pair) -> Updates:
        """A validation row other than the last one, into the field."""
        model = pair["model"]
        try:
            rows = await self.api.examples(model, 2, random.randrange(SEEDS))
        except ApiError as error:
            return {self.question: questions.asked(model, problem=str(error))}
        last = (question or {}).get("row")
        example = next((row for row in rows if row["row"] != last), rows[0])
        return {self.question: questions.of_example(model, example), self.row: questions.shown(example["row"])}

    def _ask_found(self, came: dict[str, Any] | None, pair: Pair | None, event: gr.EventData) -> Any:
        """One of those that are answered differently was chosen."""
        examples = came["found"]["examples"] if came and "found" in came else []
        example = next((example for example in examples if example["id"] == event.example), None)
        if example is None or pair is None:
            return gr.skip()
        row = {self.row: questions.shown(example["row"])} if example.get("row") else {}
        return {self.question: questions.of_example(pair["model"], example), self.picture: None, **row}


def _ask_upload(upload: dict[str, Any] | None, pair: Pair) -> Question | None:
    """A picture was given or taken away."""
    return questions.asked(pair["model"], path=upload["path"]) if upload else None


def _ask_text(text: str, before: Question | None, pair: Pair) -> Question:
    return questions.of_text(pair["model"], text, before)


def _picture_field() -> gr.Image:
    return gr.Image(
        label="One picture for both",
        sources=["upload", "clipboard"],
        type="filepath",
        height=220,
        buttons=[],
        elem_id="air-both-picture",
        alt_text="The picture that you gave to both",
        placeholder="Drop a picture here, or click to upload",
    )


def _row_field() -> gr.Textbox:
    return gr.Textbox(
        label="Or paste a row",
        info="As JSON: a number for each feature.",
        lines=6,
        max_lines=6,
        max_length=ROW_LENGTH,
        interactive=True,
        elem_id="air-both-row",
        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
    )
