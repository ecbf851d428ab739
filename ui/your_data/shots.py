"""Classes of pictures made on the page: name a class, take or give pictures of it, and use them like a ZIP file.

The pictures wait in the page's folder of uploads, as long as the page is open.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from ui.kit import uploads
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.templates import render
from ui.kit.updates import CLICKS, EVENTS, ONCE, Updates
from ui.kit.uploads import Given
from ui.kit.visitor import headers_for_change
from ui.look.scripts import BUTTONS

LONGEST, MOST, PREVIEWS = 40, 1000, 12
HOW = "Name a class, then take pictures of it or give some; each is added at once. Two classes are the least."
UNNAMED = "Name the class first, then give the picture again."
FULL = "These are enough: {} pictures at most. A ZIP file may have more."
FILE = "pictures.zip"

# A picture: the class it shows, and the path of its upload.
Shot = dict[str, str]


def label_of(typed: str) -> str:
    """A class as a folder may be called."""
    return " ".join("".join(" " if letter in '/\\:*?"<>|' else letter for letter in typed).split()).strip(". ")


def classes(shots: list[Shot]) -> dict[str, list[str]]:
    """The paths of the pictures by class, in the order in which the classes came."""
    found: dict[str, list[str]] = {}
    for shot in shots:
        found.setdefault(shot["label"], []).append(shot["path"])
    return found


def drawn(shots: list[Shot]) -> Markup:
    """The classes with their newest pictures."""
    found = [
        {"label": label, "count": len(paths), "newest": [_address(path) for path in paths[-PREVIEWS:]]}
        for label, paths in classes(shots).items()
    ]
    return render("your_data/shots.html", classes=found)


def _address(path: str) -> str:
    return f"gradio_api/file={quote(path)}"


def release(given: list[Given], shots: list[Shot], request: gr.Request) -> None:
    """Release pictures, but for those that a class has: the same picture may have been given twice."""
    needed = {shot["path"] for shot in shots}
    uploads.release([picture for picture in given if picture["path"] not in needed], request)


class Shots:
    """The components; creating it puts them on the page. ``dataset`` becomes what the API finds in the pictures."""

    def __init__(self, api: Client, token: gr.State, dataset: gr.State) -> None:
        self.api, self.token, self.dataset = api, token, dataset
        with gr.Accordion("Or take pictures here", open=False, visible=False, elem_id="air-shots") as self.part:
            html(quiet(HOW))
            self.label = gr.Textbox(
                "", label="Class", placeholder="cup", max_lines=1, max_length=LONGEST, elem_id="air-shots-class"
            )
            self.picture = gr.Image(
                label="Picture of the class",
                sources=["upload", "webcam", "clipboard"],
                type="filepath",
                height=260,
                buttons=[],
                elem_id="air-shots-picture",
                alt_text="The picture that you gave",
                placeholder="Drop a picture here, or click to upload",
            )
            self.note = html(html_template=LIVE, elem_id="air-shots-note")
            self.list = html(js_on_load=BUTTONS, elem_id="air-shots-list")
            self.use = gr.Button("Use these pictures", interactive=False, elem_id="air-shots-use")
        self.shots = gr.State([])

    async def _given(self, given: Given | None, typed: str, shots: list[Shot], request: gr.Request) -> Updates:
        """A picture was taken or given; the field is free for the next one."""
        if not given:
            return {self.note: ""}
        label = label_of(typed)
        if not label or len(shots) >= MOST:
            release([given], shots, request)
            return {self.picture: None, self.note: notice(FULL.format(MOST) if label else UNNAMED, "problem")}
        return {self.picture: None, self.note: "", self.shots: [*shots, {"label": label, "path": given["path"]}]}

    async def _removed(self, shots: list[Shot], event: gr.EventData, request: gr.Request) -> Updates:
        """A class with its pictures is taken back."""
        left = [shot for shot in shots if shot["label"] != event.label]
        release([shot for shot in shots if shot["label"] == event.label], left, request)
        return {self.shots: left, self.note: ""}

    def _show(self, shots: list[Shot]) -> Updates:
        return {self.list: drawn(shots), self.use: gr.update(interactive=len(classes(shots)) > 1)}

    async def _use(self, shots: list[Shot], token: str, request: gr.Request) -> AsyncIterator[Updates]:
        """The API gets them as a ZIP file and looks at them; its refusal leaves them here."""
        yield {self.note: notice("Looking at the pictures …")}
        try:
            headers = await headers_for_change(self.api, request, token)
            dataset = await uploads.pass_on_pictures(self.api, FILE, classes(shots), headers)
        except ApiError as error:
            yield {self.note: notice(str(error), "problem")}
        else:
            release(shots, [], request)
            yield {self.note: "", self.shots: [], self.dataset: dataset}

    def wire(self) -> None:
        """Which event calls what."""
        about = [self.picture, self.label, self.shots]
        given = [self.picture, self.note, self.shots]
        self.picture.input(self._given, about, given, preprocess=False, **(EVENTS | {"concurrency_limit": 1}))
        self.list.select(self._removed, self.shots, [self.shots, self.note], **CLICKS)
        self.shots.change(self._show, self.shots, [self.list, self.use], **EVENTS)
        self.use.click(self._use, [self.shots, self.token], [self.note, self.shots, self.dataset], **ONCE)
