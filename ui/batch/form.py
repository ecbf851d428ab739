"""What to predict in one go: the test set or files of one's own, and which version answers.

Not run by itself; ui/batch/screen.py puts it on the page. A file goes to the API at once, whose check is
shown before anything runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.batch.check import CHAMPION, OWN, TEST, Upload, check, example_link, start_label, version_choices
from ui.jobs.view import BATCH, QUEUED
from ui.kit import sign_in, uploads
from ui.kit.cards import LIVE, code_box, html, notice, quiet, which_model
from ui.kit.client import IMAGES, TABLE, ApiError, Client, Headers
from ui.kit.updates import Sent, offered, updates
from ui.kit.uploads import Given
from ui.kit.visitor import headers_for_change, permission
from ui.predict.snippets import batch_code, public_api

FORM = ["why_not", "signing", "signed", "why", "own", "how", "pictures", "table", "check", "another"]
FORM += ["version", "start", "code"]
EXAMPLE_ROWS, EXAMPLE_SEED = 6, 1
SEEN_BY = (
    "Whoever can open this page can see the results: names, values and answers. Give only what they may see. "
    "The file itself is deleted when its prediction is done, or after an hour."
)
PICTURES = "One ZIP file with pictures, or up to 1000 picture files; 256 MB at most."
ROWS = (
    "A CSV file, 256 MB at most. Its first line names the columns and has to have the 30 measurements; "
    "other columns may stay, and come back unread."
)


@dataclass(frozen=True)
class Fields:
    """The components of the form that others need."""

    sign_in: sign_in.Fields
    model: gr.Radio
    what: gr.Radio
    own: gr.Column
    how: gr.HTML
    pictures: gr.File
    table: gr.File
    reading: gr.HTML
    check: gr.HTML
    another: gr.Button
    version: gr.Dropdown
    start: gr.Button
    why: gr.HTML
    note: gr.HTML
    signed: gr.Button
    code: gr.Code


class Form:
    """What happens in the form; every method is an event's handler or a part of one."""

    def __init__(self, api: Client, public_url: str | None) -> None:
        self.api = api
        self.public_url = public_url
        self._example = ""

    async def fill(
        self, before: Sent, model: str, what: str, version: str, upload: Upload | None, token: str, request: gr.Request
    ) -> list[Any]:
        """What this visitor may do, the versions, and what the check of the given file found."""
        try:
            allowed = await permission(self.api, request, token)
            versions = version_choices((await self.api.model(model))["versions"])
            how = quiet(PICTURES) if model == IMAGES else quiet(ROWS) + await self._example_link()
        except ApiError as error:
            return updates(FORM, before, {"why": notice(str(error), "warning")})
        names = [name for _, name in versions]
        upload = _for_model(upload, model)
        missing = what == OWN and not (upload and upload["good"])
        code = batch_code(
            public_api(request, self.public_url),
            model,
            upload["names"] if what == OWN and upload else [] if what == TEST else _typical(model),
            version if version in names else CHAMPION,
            token=allowed.by_token,
        )
        now = sign_in.shown(allowed) | {
            "own": gr.update(visible=what == OWN),
            "how": how,
            "pictures": gr.update(visible=allowed.may and model == IMAGES and upload is None),
            "table": gr.update(visible=allowed.may and model == TABLE and upload is None),
            "check": check(upload) if upload else "",
            "another": gr.update(visible=upload is not None),
            "version": offered(versions, version),
            "start": gr.update(value=start_label(what, upload), interactive=allowed.may and not missing),
            "code": code,
        }
        return updates(FORM, before, now)

    async def _example_link(self) -> str:
        """Made once; a page without it can still take files."""
        if not self._example:
            try:
                names = [feature["name"] for feature in await self.api.features()]
                rows = [item["row"] for item in await self.api.examples(TABLE, EXAMPLE_ROWS, EXAMPLE_SEED)]
            except ApiError:
                return ""
            self._example = example_link(names, rows)
        return self._example

    async def given(
        self, files: Given | list[Given] | None, model: str, token: str, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Files came: the API gets and checks them. What is said, the upload, both fields empty, no old note."""
        listed = [files] if isinstance(files, dict) else files or []
        if not listed:
            return
        yield notice("Passing it on and checking it …"), gr.skip(), gr.skip(), gr.skip(), ""
        try:
            headers = await self._headers(listed, request, token)
            upload = await uploads.pass_on(self.api, model, listed, headers)
        except ApiError as error:
            yield notice(str(error), "problem"), None, None, None, ""
        else:
            yield "", upload, None, None, ""

    async def _headers(self, files: list[Given], request: gr.Request, token: str) -> Headers:
        try:
            return await headers_for_change(self.api, request, token)
        except ApiError:
            uploads.discard(files)
            raise

    async def another(self, upload: Upload | None, token: str, request: gr.Request) -> tuple[Any, ...]:
        """Take another file: this one is deleted now, or later by itself where that fails."""
        try:
            if upload:
                await self.api.forget(upload["id"], await headers_for_change(self.api, request, token))
        except ApiError:
            pass
        return None, "", ""

    async def start(
        self, model: str, what: str, upload: Upload | None, version: str, token: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """Ask for a batch prediction: the job to watch, a sentence, and the upload, which is used up now."""
        upload = _for_model(upload, model) if what == OWN else None
        if what == OWN and upload is None:
            return gr.skip(), gr.skip(), gr.skip()
        config = {"upload": upload["id"] if upload else None, "version": version}
        try:
            headers = await headers_for_change(self.api, request, token)
            job = await self.api.queue(BATCH, model, config, headers)
        except ApiError as error:
            gone = upload is not None and await self._is_gone(upload, request, token)
            return gr.skip(), notice(str(error), "problem"), None if gone else gr.skip()
        return job["id"], notice(QUEUED, "good"), None if upload else gr.skip()

    async def _is_gone(self, upload: Upload, request: gr.Request, token: str) -> bool:
        try:
            await self.api.uploaded(upload["id"], await headers_for_change(self.api, request, token))
        except ApiError as error:
            return error.status == 404
        return False


def _for_model(upload: Upload | None, model: str) -> Upload | None:
    """An upload for the other model is kept until that one is chosen again."""
    return upload if upload and upload["model"] == model else None


def _typical(model: str) -> list[str]:
    return ["pictures.zip"] if model == IMAGES else ["rows.csv"]


def build() -> Fields:
    """Put the form on the page; ui/batch/screen.py wires it."""
    signing = sign_in.build("air-batch")
    model = which_model(IMAGES, "air-batch-model")
    what = gr.Radio(
        [("The test set", TEST), ("My own files", OWN)],
        value=TEST,
        label="Predict what?",
        info="The test set is what no version learned from; its right answers are known.",
        interactive=True,
        elem_id="air-batch-what",
    )
    with gr.Column(visible=False, elem_id="air-batch-own", elem_classes="air-own") as own:
        how = html(quiet(PICTURES))
        pictures = gr.File(
            label="Your pictures",
            file_count="multiple",
            file_types=[".zip", "image"],
            height=140,
            visible=False,
            interactive=True,
            elem_id="air-batch-pictures",
        )
        table = gr.File(
            label="Your CSV file",
            file_types=[".csv"],
            height=140,
            visible=False,
            interactive=True,
            elem_id="air-batch-table",
        )
        reading = html(elem_id="air-batch-reading", html_template=LIVE)
        found = html(elem_id="air-batch-check", html_template='<div role="status" class="air-stack">${value}</div>')
        another = gr.Button("Take another file", visible=False, elem_id="air-batch-another")
        html(quiet(SEEN_BY))
    version = gr.Dropdown(
        [("The champion", CHAMPION)],
        value=CHAMPION,
        label="Which version answers?",
        filterable=False,
        interactive=True,
        elem_id="air-batch-version",
    )
    start = gr.Button("Predict the test set", variant="primary", interactive=False, elem_id="air-batch-start")
    why = html(elem_id="air-batch-why")
    note = html(elem_id="air-batch-note", html_template=LIVE)
    signed = sign_in.sign_out_button("air-batch")
    code = code_box()
    return Fields(
        signing,
        model,
        what,
        own,
        how,
        pictures,
        table,
        reading,
        found,
        another,
        version,
        start,
        why,
        note,
        signed,
        code,
    )
