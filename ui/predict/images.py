"""The Images screen: give a picture, read what the model sees in it and how sure it is.

Run all screens with `python -m ui`.
"""

from __future__ import annotations

import random
import time
from base64 import b64decode
from html import escape
from typing import Any
from urllib.parse import quote

import gradio as gr

from ui.corrections.screen import Answered, Panel
from ui.kit import clock, uploads
from ui.kit.cards import answered_by, bars, card, code_box, html, listed, notice, percent, png, quiet
from ui.kit.client import IMAGES, ApiError, Client
from ui.kit.scripts import BUTTONS, show_on_narrow
from ui.kit.updates import CLICKS, EVENTS
from ui.kit.visitor import address_of
from ui.predict.snippets import example_code, picture_code, public_api

EXAMPLES = 12
SEEDS = 2**32

TITLE = "What is in this picture?"
INTRO = "Give the model a picture, or try one that it has never been trained on."

# The id of an example and the seed of its set, or path and name of a file; `asked` tells repetitions apart.
Question = dict[str, Any]

UNSURE = "The model is not sure. The picture may show none of the things it knows; do not rely on this answer."
EMPTY = card("Answer", quiet("Nothing to answer yet. Upload a picture, take one, paste one, or click an example."))
LOOKING = card("Answer", quiet("Looking at the picture …"))
WAITING_GALLERY = quiet("The examples appear as soon as the image model is up.")


def intro(labels: list[str]) -> str:
    """Heading and one sentence; with the model's classes once they are known."""
    known = f" It knows {len(labels)} kinds of things: {escape(listed(labels))}." if labels else ""
    return f'<div class="air-intro"><h2>{TITLE}</h2><p>{INTRO}{known}</p></div>'


def gallery(examples: list[dict[str, Any]], seed: int) -> str:
    """The example pictures as buttons, each with its true label."""
    buttons = "".join(
        f'<li><button type="button" data-example="{escape(example["id"])}" '
        f'aria-label="Example {number}, a validation picture labelled {escape(example["label"])}">'
        f'<img src="{png(example["image"])}" alt=""><span>{escape(example["label"])}</span></button></li>'
        for number, example in enumerate(examples, 1)
    )
    return f'<h3>Examples</h3><ul class="air-gallery" data-list data-seed="{seed}">{buttons}</ul>'


def answer_card(reply: dict[str, Any], original: str, truth: str | None) -> str:
    """The whole answer to the picture at address `original`; `truth` is an example's true label."""
    prediction = reply["predictions"][0]
    body = [
        f'<p class="air-verdict"><strong>{escape(prediction["label"])}</strong> '
        f"<span>{percent(prediction['probability'])}</span></p>"
    ]
    if prediction["unsure"]:
        body.append(notice(UNSURE, "warning"))
    if truth is not None:
        body.append(truth_notice(prediction["label"], truth))
    body.append(bars(prediction["top_k"]))
    body.append(_pair(original, prediction["seen"], small=truth is not None))
    body.append(answered_by(reply))
    return card("Answer", "".join(body))


def truth_notice(label: str, truth: str) -> str:
    """Says whether the answer to an example is right."""
    if label == truth:
        return notice(f"Right: the true label of this example is {truth}.", "good")
    return notice(f"Wrong: the true label of this example is {truth}.", "problem")


def _pair(original: str, seen: str, *, small: bool) -> str:
    crisp = ' class="air-crisp"' if small else ""
    return (
        '<div class="air-pair">'
        f'<figure><img{crisp} src="{escape(original)}" alt="The picture you gave"><figcaption>Your picture</figcaption>'
        f'</figure><figure><img class="air-crisp" src="{png(seen)}" alt="The picture as the model sees it">'
        "<figcaption>What the model sees: 32&nbsp;×&nbsp;32&nbsp;pixels</figcaption></figure></div>"
    )


class Screen:
    """What happens on this screen; every method is an event's handler or a part of one."""

    def __init__(self, api: Client, public_url: str | None) -> None:
        self.api = api
        self.public_url = public_url

    async def fill(self) -> tuple[Any, ...]:
        """A set of examples and the class names, once the API has them; until then the timer asks again."""
        try:
            labels = (await self.api.model(IMAGES))["labels"]
        except ApiError as error:
            return gr.skip(), gr.skip(), *_no_gallery(error)
        heading = intro(labels)
        seed = random.randrange(SEEDS)
        try:
            examples = await self.api.examples(IMAGES, EXAMPLES, seed)
        except ApiError as error:
            return heading, labels, *_no_gallery(error)
        return heading, labels, gallery(examples, seed), gr.update(visible=True), gr.update(active=False)

    async def answer(self, question: Question | None, request: gr.Request) -> tuple[Any, ...]:
        """Answer, with code that asks the very same question, and what can be corrected of it."""
        if question is None:
            return EMPTY, "", gr.skip(), gr.update(active=False), None
        answer = self.answer_file if "path" in question else self.answer_example
        try:
            shown, code, answered = await answer(question, request)
        except ApiError as error:
            return *_no_answer(error), None
        return shown, code, gr.skip(), gr.update(active=False), answered

    async def answer_file(self, question: Question, request: gr.Request) -> tuple[str, str, Answered]:
        """The file's own bytes go to the API, which does all decoding."""
        path, name = question["path"], question["name"]
        reply = await self.api.predict_image(uploads.read(path), name, address_of(request))
        shown = answer_card(reply, f"gradio_api/file={quote(path)}", None)
        said = {"label": reply["predictions"][0]["label"], "version": reply["model"]["version"]}
        return (
            shown,
            picture_code(public_api(request, self.public_url), name),
            {"asked": question["asked"], "path": path} | said,
        )

    async def answer_example(self, question: Question, request: gr.Request) -> tuple[str, str, None]:
        """The same seed gives the same examples, so nothing of them is kept here."""
        examples = await self.api.examples(IMAGES, EXAMPLES, question["seed"])
        example = next((example for example in examples if example["id"] == question["id"]), None)
        if example is None:
            raise ApiError("This example is gone. Choose another one.")
        picture = b64decode(example["image"])
        reply = await self.api.predict_image(picture, f"{example['id']}.png", address_of(request))
        public = public_api(request, self.public_url)
        shown = answer_card(reply, png(example["image"]), example["label"])
        return shown, example_code(public, example["id"], EXAMPLES, question["seed"]), None


def _no_gallery(error: ApiError) -> tuple[Any, ...]:
    shown = WAITING_GALLERY if error.passing else f"<h3>Examples</h3>{quiet(str(error))}"
    return shown, gr.update(visible=False), gr.update(active=error.passing)


def _no_answer(error: ApiError) -> tuple[Any, ...]:
    if error.passing:
        text = f"{error} Your picture is kept, and this page tries again by itself."
        return card("Answer", notice(text, "warning")), "", gr.skip(), gr.update(active=True)
    # A file that cannot be read would stay in the input as a broken picture.
    return card("Answer", notice(str(error), "problem")), "", None, gr.update(active=False)


def ask_upload(upload: dict[str, Any] | None) -> tuple[Any, ...]:
    """A file was given or taken away. The old answer goes at once, before the new one is there."""
    if upload is None:
        return None, EMPTY
    name = upload.get("orig_name") or "picture.png"
    return {"path": upload["path"], "name": name, "asked": time.monotonic_ns()}, LOOKING


def ask_example(event: gr.EventData) -> tuple[Any, ...]:
    """An example was clicked; a file given before leaves the input."""
    return {"id": event.example, "seed": int(event.seed), "asked": time.monotonic_ns()}, LOOKING, None


def build(api: Client, page: gr.Blocks, public_url: str | None, token: gr.State) -> None:
    """Put the screen on the page and wire it."""
    screen, corrections = Screen(api, public_url), Panel(api, token)

    with gr.Row(elem_classes="air-screen"):
        with gr.Column(scale=5, min_width=300):
            heading = html(intro([]))
            picture = gr.Image(
                label="Your picture",
                sources=["upload", "webcam", "clipboard"],
                type="filepath",
                height=300,
                buttons=[],
                elem_id="air-picture",
                alt_text="The picture that you gave",
                placeholder="Drop a picture here, or click to upload",
            )
            examples = html(WAITING_GALLERY, js_on_load=BUTTONS, elem_id="air-examples")
            others = gr.Button("Other examples", size="sm", visible=False)
            corrections.build_list()
        with gr.Column(scale=6, min_width=300):
            shown = html(EMPTY, elem_id="air-image-answer")
            corrections.build_under_answer()
            code = code_box()
    question, labels = gr.State(None), gr.State([])
    filling = clock.timer(clock.RETRY)
    retry = clock.timer(clock.RETRY, active=False)

    filled = [heading, labels, examples, others, filling]
    gr.on([page.load, filling.tick, others.click], screen.fill, None, filled, **EVENTS)
    # All answers come through one event, so that a slow one cannot replace the answer to a later question.
    answers = [shown, code, picture, retry, corrections.answered]
    gr.on([question.change, retry.tick], screen.answer, question, answers, **EVENTS)
    corrections.wire(labels, question, [page.load, filling.tick])
    given = picture.input(ask_upload, picture, [question, shown], preprocess=False, **EVENTS)
    picture.clear(ask_upload, picture, [question, shown], preprocess=False, **EVENTS)
    clicked = examples.select(ask_example, None, [question, shown, picture], **CLICKS)
    for event in (given, clicked):
        event.success(None, js=show_on_narrow("air-image-answer"))
