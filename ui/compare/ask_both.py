"""One picture or row, answered by the champion and by the version beside it.

Not run by itself; ui/compare/service.py puts it on the page. The answers are shown only while they are
about the two versions that are in sight; when another version is chosen, it is asked the same.
"""

from __future__ import annotations

import json
import random
import time
from base64 import b64decode
from html import escape
from typing import Any
from urllib.parse import quote

import gradio as gr

from ui.compare.differences import Pair
from ui.kit import uploads
from ui.kit.cards import LIVE, answered_by, bars, html, listed, notice, percent, png, quiet
from ui.kit.client import IMAGES, TABLE, ApiError, Client, Headers
from ui.kit.updates import CLICKS, EVENTS
from ui.kit.visitor import address_of

SEEDS, ROW_LENGTH = 2**32, 20_000
EMPTY = {
    IMAGES: "Give a picture, or choose one above, to see what each of the two answers.",
    TABLE: "Take a row or paste one, to see what each of the two answers.",
}
ASKING = "Asking both …"
NO_ROW = "This is not a row: paste one JSON object with a number for each feature, like the one of “Another row”."
UNSURE = "Not sure."
SHOW = "() => document.getElementById('air-ask-both').scrollIntoView({block: 'start', behavior: 'smooth'})"

# The model, when it was asked, and `path`, `image` or `row` with the `truth` if it is known; or a `problem`.
Question = dict[str, Any]


def read_row(text: str) -> dict[str, Any]:
    """A row that was pasted; the API says which features it must have. Raises ApiError."""
    try:
        row = json.loads(text)
        # What the API could not be sent: numbers without end, halves of characters.
        json.dumps(row, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ApiError(NO_ROW) from None
    if not isinstance(row, dict) or any(isinstance(value, (dict, list)) for value in row.values()):
        raise ApiError(NO_ROW)
    return row


def side_by_side(model: str, pair: Pair, question: Question, both: dict[str, Any]) -> str:
    """Do they agree, what is the truth, and both answers in full."""
    champion, version = both["champion"], both["challenger"]
    picture = _picture(question) if model == IMAGES else ""
    answers = "".join(
        f'<section class="air-card"><h4>{escape(who)}</h4><div>{_answer(model, reply["predictions"][0])}'
        f"{answered_by(reply)}</div></section>"
        for who, reply in (("Champion", champion), (f"Version {pair['version']}", version))
    )
    agreement = _agreement(pair, champion["predictions"][0], version["predictions"][0], question.get("truth"))
    return f'<div class="air-stack">{agreement}{picture}<div class="air-both">{answers}</div></div>'


def _agreement(pair: Pair, champion: dict[str, Any], version: dict[str, Any], truth: str | None) -> str:
    old, new, name = champion["label"], version["label"], f"version {pair['version']}"
    text = f"Both say {old}." if old == new else f"V{name[1:]} says {new}, the champion says {old}."
    if truth is None:
        return notice(text)
    right = [who for who, label in ((name, new), ("the champion", old)) if label == truth]
    whose, kind = ("both are right", "good") if len(right) == 2 else ("neither is right", "warning")
    if len(right) == 1:
        whose, kind = f"{right[0]} is right", "info"
    return notice(f"{text} The truth is {truth}: {whose}.", kind)


def _picture(question: Question) -> str:
    if "image" in question:
        crisp, source = " air-crisp", png(question["image"])
    else:
        crisp, source = "", escape(f"gradio_api/file={quote(question['path'])}")
    return f'<img class="air-asked{crisp}" src="{source}" alt="The picture that both were asked">'


def _answer(model: str, prediction: dict[str, Any]) -> str:
    label = escape(prediction["label"])
    if model == IMAGES:
        unsure = notice(UNSURE, "warning") if prediction["unsure"] else ""
        shown = f"<strong>{label}</strong> <span>{percent(prediction['probability'])}</span>"
        return f'<p class="air-verdict">{shown}</p>{unsure}{bars(prediction["top_k"])}'
    probability = prediction["probability_malignant"]
    outside = prediction["out_of_range"]
    parts = [
        f'<p class="air-verdict air-{label}"><strong>{label}</strong></p>',
        f'<p class="air-track air-wide"><span class="air-fill" style="width:{probability:.2%}"></span></p>',
        f"<p>Probability of malignant: <strong>{percent(probability)}</strong></p>",
    ]
    if outside:
        names = listed(outside if len(outside) <= 4 else [*outside[:3], f"{len(outside) - 3} more"])
        parts.append(notice(f"Outside the range of its training rows: {names}.", "warning"))
    return "".join(parts)


class AskBoth:
    """What happens here; every method is an event's handler or a part of one."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def answer(self, question: Question | None, pair: Pair | None, request: gr.Request) -> dict[str, Any]:
        """Both answers, or why there are none, and what they are about."""
        if not question or not pair or question["model"] != pair["model"]:
            return gr.skip()
        about = {"asked": question["asked"], "pair": pair}
        try:
            both = await self._both(question, pair, address_of(request))
        except ApiError as error:
            return about | {"shown": notice(str(error), "problem"), "again": error.passing}
        return about | {"shown": side_by_side(pair["model"], pair, question, both), "again": False}

    async def _both(self, question: Question, pair: Pair, headers: Headers) -> dict[str, Any]:
        if "problem" in question:
            raise ApiError(question["problem"], passing=question.get("passing", False))
        if "row" in question:
            return await self.api.compare_rows(pair["version"], question["row"], headers)
        data = b64decode(question["image"]) if "image" in question else uploads.read(question["path"])
        return await self.api.compare_images(pair["version"], data, headers)

    def show(self, question: Question | None, pair: Pair | None, reply: dict[str, Any] | None) -> tuple[Any, ...]:
        """Which form, what stands beside it, and whether it makes sense to ask again."""
        if pair is None:
            return gr.update(visible=False), gr.skip(), gr.skip(), "", gr.update(visible=False)
        model = pair["model"]
        forms = [gr.update(visible=True), gr.update(visible=model == IMAGES), gr.update(visible=model == TABLE)]
        if not question or question["model"] != model:
            return *forms, quiet(EMPTY[model]), gr.update(visible=False)
        if not reply or reply["asked"] != question["asked"] or reply["pair"] != pair:
            return *forms, quiet(ASKING), gr.update(visible=False)
        return *forms, reply["shown"], gr.update(visible=reply["again"])

    async def another_row(self, question: Question | None) -> tuple[Any, ...]:
        """A validation row, another one than the last, into the field."""
        try:
            rows = await self.api.examples(TABLE, 2, random.randrange(SEEDS))
        except ApiError as error:
            return _asked(TABLE, problem=str(error)), gr.skip()
        last = (question or {}).get("row")
        example = next((row for row in rows if row["row"] != last), rows[0])
        return _asked_row(example), json.dumps(example["row"], indent=1)


def _asked(model: str, **what: Any) -> Question:
    return {"model": model, "asked": time.time_ns()} | what


def _asked_row(example: dict[str, Any]) -> Question:
    return _asked(TABLE, row=example["row"], truth=example["label"])


def ask_upload(upload: dict[str, Any] | None) -> Question | None:
    """A picture was given or taken away."""
    return _asked(IMAGES, path=upload["path"]) if upload else None


def ask_text(text: str, before: Question | None) -> Question:
    """A row was pasted or changed; one that is as it was taken keeps its known truth."""
    try:
        row = read_row(text)
    except ApiError as error:
        return _asked(TABLE, problem=str(error))
    known = {"truth": before["truth"]} if before and before.get("row") == row and "truth" in before else {}
    return _asked(TABLE, row=row, **known)


def ask_found(came: dict[str, Any] | None, event: gr.EventData) -> tuple[Any, ...]:
    """One of those that are answered differently was chosen."""
    examples = came["found"]["examples"] if came and "found" in came else []
    example = next((example for example in examples if example["id"] == event.example), None)
    if example is None:
        return gr.skip(), gr.skip(), gr.skip()
    if example.get("row"):
        return _asked_row(example), None, json.dumps(example["row"], indent=1)
    return _asked(IMAGES, image=example["image"], truth=example["label"]), None, gr.skip()


def build(api: Client, pair: gr.State, differing: gr.HTML, came: gr.State) -> None:
    """Put it on the page and wire it; what is chosen in `differing` is asked too."""
    both = AskBoth(api)
    question, reply = gr.State(None), gr.State(None)

    with gr.Column(visible=False, elem_id="air-ask-both") as part:
        html('<h3 class="air-part">Ask both</h3>')
        with gr.Row(elem_classes="air-ask"):
            with gr.Column(scale=2, min_width=260):
                with gr.Column(visible=False) as images:
                    picture = gr.Image(
                        label="One picture for both",
                        sources=["upload", "clipboard"],
                        type="filepath",
                        height=220,
                        buttons=[],
                        elem_id="air-both-picture",
                        alt_text="The picture that you gave to both",
                        placeholder="Drop a picture here, or click to upload",
                    )
                with gr.Column(visible=False) as table:
                    another = gr.Button("Another row", size="md", elem_id="air-another-row")
                    row = gr.Textbox(
                        label="Or paste a row",
                        info="As JSON: a number for each of the 30 features.",
                        lines=6,
                        max_lines=6,
                        max_length=ROW_LENGTH,
                        interactive=True,
                        elem_id="air-both-row",
                        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
                    )
                    ask = gr.Button("Ask both", size="md", elem_id="air-ask-row")
            with gr.Column(scale=5, min_width=300):
                shown = html(elem_id="air-both-answers", html_template=LIVE)
                again = gr.Button("Ask again", size="md", visible=False, elem_id="air-ask-again")

    gr.on([question.change, pair.change], both.answer, [question, pair], reply, **EVENTS)
    gr.on(
        [state.change for state in (question, pair, reply)],
        both.show,
        [question, pair, reply],
        [part, images, table, shown, again],
        **EVENTS,
    )
    picture.input(ask_upload, picture, question, preprocess=False, **EVENTS)
    picture.clear(lambda: None, None, question, **EVENTS)
    another.click(both.another_row, question, [question, row], **EVENTS)
    ask.click(ask_text, [row, question], question, **EVENTS)
    again.click(lambda question: question | {"asked": time.time_ns()}, question, question, **EVENTS)
    differing.select(ask_found, came, [question, picture, row], **CLICKS).success(None, js=SHOW)
