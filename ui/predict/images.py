"""The screen of the image models: give a picture, read what the model sees in it and how sure it is."""

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
from ui.kit.models import IMAGE, News, Shown, of_family, opened, picker, picks
from ui.kit.templates import render
from ui.kit.updates import CLICKS, EVENTS, Updates
from ui.kit.visitor import address_of
from ui.look.scripts import BUTTONS, show_on_narrow
from ui.predict.snippets import example_code, picture_code, public_api

EXAMPLES = 12
SEEDS = 2**32
EMPTY = card("Answer", quiet("Nothing to answer yet. Upload a picture, take one, paste one, or click an example."))
LOOKING = card("Answer", quiet("Looking at the picture …"))
WAITING = quiet("The question appears as soon as the model is up.")
WAITING_GALLERY = quiet("The examples appear as soon as the model is up.")

# The model, and the id of an example and the seed of its set, or path and name of a file; `asked` distinguishes
# repetitions.
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

    def __init__(self, api: Client, public_url: str | None, token: gr.State) -> None:
        self.api, self.public_url = api, public_url
        prefix = "air-images"
        self.corrections = Panel(api, token, prefix)
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=5, min_width=300):
                self.model = picker(f"{prefix}-model")
                self.heading = html(WAITING)
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
        self.question, self.labels, self.filled = gr.State(None), gr.State([]), gr.State(None)
        self.filling = clock.timer(clock.RETRY)
        self.retry = clock.timer(clock.RETRY, active=False)

    async def _fill(self, name: str | None, filled: str | None) -> Updates:
        """Everything about the chosen model, once the API has it; until then the timer asks again."""
        try:
            models = await self.api.catalogue()
        except ApiError as error:
            return {self.filling: gr.update(active=error.passing)}
        model = of_family(models, IMAGE, name)
        offered: Updates = {self.model: picks(models, IMAGE, name)}
        if model is None or model.name == filled:
            return offered
        other = {self.question: None, self.shown: EMPTY, self.picture: None} if filled else {}
        return offered | other | await self._about(model)

    async def _about(self, model: Shown) -> Updates:
        """Class names and a set of examples; what of it the API has."""
        known: Updates = {self.heading: render("predict/images_intro.html", model=model, labels=[])}
        try:
            found = await self.api.model(model.name)
            labels, correctable = found["labels"], found["about"]["corrections"]
            known |= {
                self.heading: render("predict/images_intro.html", model=model, labels=labels),
                self.labels: labels if correctable else [],
                self.corrections.box: gr.update(visible=correctable),
            }
            known |= await self._set_of_examples(model.name)
        except ApiError as error:
            shown = WAITING_GALLERY if error.passing else Markup("<h3>Examples</h3>") + quiet(str(error))
            return known | {
                self.examples: shown,
                self.others: gr.update(visible=False),
                self.filling: gr.update(active=error.passing),
                self.filled: None if error.passing else model.name,
            }
        return known | {self.filling: gr.update(active=False), self.filled: model.name}

    async def _set_of_examples(self, name: str) -> Updates:
        seed = random.randrange(SEEDS)
        examples = await self.api.examples(name, EXAMPLES, seed)
        gallery = render("predict/gallery.html", examples=examples, seed=seed)
        return {self.examples: gallery, self.others: gr.update(visible=True)}

    async def _others(self, filled: str | None) -> Updates:
        """Another set."""
        try:
            return await self._set_of_examples((await self.api.shown(filled)).name)
        except ApiError as error:
            return {self.examples: Markup("<h3>Examples</h3>") + quiet(str(error))}

    async def _open(self, lead: dict[str, Any] | None, filled: str | None) -> Updates:
        """The model that another screen leads to. What is not shown yet does not say that its value changed."""
        models = await self.api.catalogue()
        name = opened(models, IMAGE, lead)
        if name is None:
            return {self.model: gr.skip()}
        return await self._fill(name, filled) | {self.model: picks(models, IMAGE, None) | {"value": name}}

    def _ask_upload(self, upload: dict[str, Any] | None, filled: str | None) -> Updates:
        """A file was given or removed. The old answer goes at once, before the new one is there."""
        if upload is None:
            return {self.question: None, self.shown: EMPTY}
        name = upload.get("orig_name") or "picture.png"
        question = {"model": filled, "path": upload["path"], "name": name, "asked": time.monotonic_ns()}
        return {self.question: question, self.shown: LOOKING}

    def _ask_example(self, filled: str | None, event: gr.EventData) -> Updates:
        """An example was clicked; a file given before leaves the input."""
        question = {"model": filled, "id": event.example, "seed": int(event.seed), "asked": time.monotonic_ns()}
        return {self.question: question, self.shown: LOOKING, self.picture: None}

    async def _answer(self, question: Question | None, request: gr.Request) -> Updates:
        """The answer, with code that asks the same question, and what can be corrected of it."""
        if question is None:
            return self._shown(EMPTY)
        answer = self._answer_file if "path" in question else self._answer_example
        try:
            return await answer(question, await self._asked(question["model"]), request)
        except ApiError as error:
            return self._failed(error)

    async def _asked(self, name: str | None) -> str:
        """The model that a question is for; the first one where it came before the page knew of any."""
        first = None if name else of_family(await self.api.catalogue(), IMAGE, None)
        return (first or await self.api.shown(name)).name

    async def _answer_file(self, question: Question, model: str, request: gr.Request) -> Updates:
        """The file's own bytes go to the API, which does all decoding."""
        path, name = question["path"], question["name"]
        reply = await self.api.predict_image(model, uploads.read(path), name, address_of(request))
        shown = answer_card(reply, f"gradio_api/file={quote(path)}", None)
        label, version = reply["predictions"][0]["label"], reply["model"]["version"]
        answered = {"asked": question["asked"], "path": path, "label": label, "version": version, "model": model}
        code = picture_code(public_api(request, self.public_url), model, name, _named(reply))
        return self._shown(shown, code, answered)

    async def _answer_example(self, question: Question, model: str, request: gr.Request) -> Updates:
        """The same seed gives the same examples, so none of them is kept here."""
        examples = await self.api.examples(model, EXAMPLES, question["seed"])
        example = next((example for example in examples if example["id"] == question["id"]), None)
        if example is None:
            raise ApiError("This example is gone. Choose another one.")
        picture = b64decode(example["image"])
        reply = await self.api.predict_image(model, picture, f"{example['id']}.png", address_of(request))
        public = public_api(request, self.public_url)
        shown = answer_card(reply, png(example["image"]), example["label"])
        code = example_code(public, model, example["id"], EXAMPLES, question["seed"], _named(reply))
        return self._shown(shown, code)

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

    def wire(self, page: gr.Blocks, news: News) -> None:
        """Which event calls what."""
        filled = [self.heading, self.labels, self.corrections.box, self.examples, self.others, self.filling]
        filled += [self.model, self.filled, self.question, self.shown, self.picture]
        gr.on(
            [page.load, self.filling.tick, self.model.change], self._fill, [self.model, self.filled], filled, **EVENTS
        )
        news.opened.change(self._open, [news.opened, self.filled], filled, **EVENTS)
        self.others.click(self._others, self.filled, [self.examples, self.others], **EVENTS)
        # All answers come through one event, so that a slow one cannot replace the answer to a later question.
        answered = [self.shown, self.code, self.picture, self.retry, self.corrections.answered]
        gr.on([self.question.change, self.retry.tick], self._answer, self.question, answered, **EVENTS)
        self.corrections.wire(self.labels, self.question, [page.load, self.filling.tick])
        asked, about = [self.question, self.shown], [self.picture, self.filled]
        given = self.picture.input(self._ask_upload, about, asked, preprocess=False, **EVENTS)
        self.picture.clear(self._ask_upload, about, asked, preprocess=False, **EVENTS)
        clicked = self.examples.select(self._ask_example, self.filled, [*asked, self.picture], **CLICKS)
        for event in (given, clicked):
            event.success(None, js=show_on_narrow(self.shown.elem_id))


def build(api: Client, page: gr.Blocks, news: News, public_url: str | None, token: gr.State) -> None:
    """Put the screen on the page."""
    Screen(api, public_url, token).wire(page, news)


def _named(reply: dict[str, Any]) -> int:
    """How many classes an answer names."""
    return len(reply["predictions"][0]["top_k"])
