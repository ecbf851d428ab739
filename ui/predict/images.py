"""The screen of an image model: give a picture, read what the model sees in it and how sure it is."""

from __future__ import annotations

import random
import struct
import time
from base64 import b64decode
from typing import Any
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from ui.corrections.panel import Answered, Panel
from ui.kit import clock, uploads
from ui.kit.cards import card, code_box, html, notice, png, quiet
from ui.kit.client import ApiError, Client
from ui.kit.models import Shown
from ui.kit.templates import render
from ui.kit.updates import CLICKS, EVENTS, Updates
from ui.kit.visitor import address_of
from ui.look.scripts import BUTTONS, show_on_narrow
from ui.predict.snippets import example_code, picture_code, public_api

EXAMPLES = 12
SEEDS = 2**32
EMPTY = card("Answer", quiet("Nothing to answer yet. Upload a picture, take one, paste one, or click an example."))
LOOKING = card("Answer", quiet("Looking at the picture …"))
WAITING_GALLERY = quiet("The examples appear as soon as the model is up.")

# The id of an example and the seed of its set, or path and name of a file; `asked` distinguishes repetitions.
Question = dict[str, Any]


def answer_card(reply: dict[str, Any], original: str, truth: str | None) -> Markup:
    """The whole answer to the picture at address `original`; `truth` is an example's true label."""
    width, height = png_size(reply["predictions"][0]["seen"])
    return render("predict/image_answer.html", reply=reply, original=original, truth=truth, width=width, height=height)


def png_size(encoded: str) -> tuple[int, int]:
    """Width and height of a PNG picture in base64, as its first chunk says."""
    return struct.unpack(">II", b64decode(encoded[:32])[16:24])


class Screen:
    """The screen; creating it puts it on the page."""

    def __init__(self, api: Client, model: Shown, public_url: str | None, token: gr.State) -> None:
        self.api, self.model, self.public_url = api, model, public_url
        prefix = f"air-{model.name}"
        self.corrections = Panel(api, token, prefix)
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=5, min_width=300):
                self.heading = html(self._heading([]))
                self.picture = gr.Image(
                    label="Your picture",
                    sources=["upload", "webcam", "clipboard"],
                    type="filepath",
                    height=300,
                    buttons=[],
                    elem_id=f"{prefix}-picture",
                    alt_text="The picture that you gave",
                    placeholder="Drop a picture here, or click to upload",
                )
                self.examples = html(WAITING_GALLERY, js_on_load=BUTTONS, elem_id=f"{prefix}-examples")
                self.others = gr.Button("Other examples", size="sm", visible=False)
                self.corrections.render_list()
            with gr.Column(scale=6, min_width=300):
                self.shown = html(EMPTY, elem_id=f"{prefix}-answer", elem_classes="air-image-answer")
                self.corrections.render_under_answer()
                self.code = code_box()
        self.question, self.labels = gr.State(None), gr.State([])
        self.filling = clock.timer(clock.RETRY)
        self.retry = clock.timer(clock.RETRY, active=False)

    def _heading(self, labels: list[str]) -> Markup:
        return render("predict/images_intro.html", model=self.model, labels=labels)

    async def _fill(self) -> Updates:
        """A set of examples and the class names, once the API has them; until then the timer asks again."""
        known: Updates = {}
        try:
            found = await self.api.model(self.model.name)
            labels, correctable = found["labels"], found["about"]["corrections"]
            known = {
                self.heading: self._heading(labels),
                self.labels: labels if correctable else [],
                self.corrections.box: gr.update(visible=correctable),
            }
            seed = random.randrange(SEEDS)
            examples = await self.api.examples(self.model.name, EXAMPLES, seed)
        except ApiError as error:
            shown = WAITING_GALLERY if error.passing else Markup("<h3>Examples</h3>") + quiet(str(error))
            return known | {
                self.examples: shown,
                self.others: gr.update(visible=False),
                self.filling: gr.update(active=error.passing),
            }
        return known | {
            self.examples: render("predict/gallery.html", examples=examples, seed=seed),
            self.others: gr.update(visible=True),
            self.filling: gr.update(active=False),
        }

    def _ask_upload(self, upload: dict[str, Any] | None) -> Updates:
        """A file was given or removed. The old answer goes at once, before the new one is there."""
        if upload is None:
            return {self.question: None, self.shown: EMPTY}
        name = upload.get("orig_name") or "picture.png"
        question = {"path": upload["path"], "name": name, "asked": time.monotonic_ns()}
        return {self.question: question, self.shown: LOOKING}

    def _ask_example(self, event: gr.EventData) -> Updates:
        """An example was clicked; a file given before leaves the input."""
        question = {"id": event.example, "seed": int(event.seed), "asked": time.monotonic_ns()}
        return {self.question: question, self.shown: LOOKING, self.picture: None}

    async def _answer(self, question: Question | None, request: gr.Request) -> Updates:
        """The answer, with code that asks the same question, and what can be corrected of it."""
        if question is None:
            return self._shown(EMPTY)
        answer = self._answer_file if "path" in question else self._answer_example
        try:
            return await answer(question, request)
        except ApiError as error:
            return self._failed(error)

    async def _answer_file(self, question: Question, request: gr.Request) -> Updates:
        """The file's own bytes go to the API, which does all decoding."""
        path, name = question["path"], question["name"]
        reply = await self.api.predict_image(self.model.name, uploads.read(path), name, address_of(request))
        shown = answer_card(reply, f"gradio_api/file={quote(path)}", None)
        label, version = reply["predictions"][0]["label"], reply["model"]["version"]
        answered = {"asked": question["asked"], "path": path, "label": label, "version": version}
        return self._shown(shown, picture_code(public_api(request, self.public_url), self.model.name, name), answered)

    async def _answer_example(self, question: Question, request: gr.Request) -> Updates:
        """The same seed gives the same examples, so none of them is kept here."""
        examples = await self.api.examples(self.model.name, EXAMPLES, question["seed"])
        example = next((example for example in examples if example["id"] == question["id"]), None)
        if example is None:
            raise ApiError("This example is gone. Choose another one.")
        picture = b64decode(example["image"])
        reply = await self.api.predict_image(self.model.name, picture, f"{example['id']}.png", address_of(request))
        public = public_api(request, self.public_url)
        shown = answer_card(reply, png(example["image"]), example["label"])
        return self._shown(shown, example_code(public, self.model.name, example["id"], EXAMPLES, question["seed"]))

    def _shown(self, shown: Markup, code: str = "", answered: Answered | None = None) -> Updates:
        return {
            self.shown: shown,
            self.code: code,
            self.retry: gr.update(active=False),
            self.corrections.answered: answered,
        }

    def _failed(self, error: ApiError) -> Updates:
        if error.passing:
            text = f"{error} Your picture is kept, and this page tries again by itself."
            return self._shown(card("Answer", notice(text, "warning"))) | {self.retry: gr.update(active=True)}
        # A file that cannot be read would stay in the input as a broken picture.
        return self._shown(card("Answer", notice(str(error), "problem"))) | {self.picture: None}

    def wire(self, page: gr.Blocks) -> None:
        """Which event calls what."""
        filled = [self.heading, self.labels, self.corrections.box, self.examples, self.others, self.filling]
        gr.on([page.load, self.filling.tick, self.others.click], self._fill, None, filled, **EVENTS)
        # All answers come through one event, so that a slow one cannot replace the answer to a later question.
        answered = [self.shown, self.code, self.picture, self.retry, self.corrections.answered]
        gr.on([self.question.change, self.retry.tick], self._answer, self.question, answered, **EVENTS)
        self.corrections.wire(self.labels, self.question, [page.load, self.filling.tick])
        asked = [self.question, self.shown]
        given = self.picture.input(self._ask_upload, self.picture, asked, preprocess=False, **EVENTS)
        self.picture.clear(self._ask_upload, self.picture, asked, preprocess=False, **EVENTS)
        clicked = self.examples.select(self._ask_example, None, [*asked, self.picture], **CLICKS)
        for event in (given, clicked):
            event.success(None, js=show_on_narrow(self.shown.elem_id))


def build(api: Client, page: gr.Blocks, model: Shown, public_url: str | None, token: gr.State) -> None:
    """Put the screen on the page."""
    Screen(api, model, public_url, token).wire(page)
