"""What to predict in one go: the test set or files of one's own, and which version answers.

A file goes to the API at once, whose check is shown before anything runs.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from markupsafe import Markup

from ui.batch.check import CHAMPION, OWN, TEST, Upload, check, example_file, start_label, version_choices
from ui.jobs.view import BATCH, QUEUED
from ui.kit import uploads
from ui.kit.cards import LIVE, code_box, html, notice, quiet
from ui.kit.client import ApiError, Client, Headers
from ui.kit.clock import Clock
from ui.kit.models import IMAGE, Shown, choice, choices
from ui.kit.sign_in import SignIn
from ui.kit.templates import render
from ui.kit.updates import EVENTS, ONCE, Sent, Updates, changed, offered
from ui.kit.uploads import Given
from ui.kit.visitor import headers_for_change, permission
from ui.predict.snippets import batch_code, public_api

EXAMPLE_ROWS, EXAMPLE_SEED = 6, 1
SEEN_BY = (
    "Whoever can open this page can see the results: names, values and answers. Give only what they may see. "
    "The file itself is deleted when its prediction is done, or after an hour."
)


class Form:
    """The form; creating it puts it on the page."""

    def __init__(self, api: Client, public_url: str | None, token: gr.State, chosen: gr.State) -> None:
        """``chosen`` gets the id of the job that was queued."""
        self.api, self.public_url, self.token, self.chosen = api, public_url, token, chosen
        self._examples: dict[str, dict[str, Any]] = {}
        self.sign_in = SignIn("air-batch")
        self.model = choice("air-batch-model")
        self.what = gr.Radio(
            [("The test set", TEST), ("My own files", OWN)],
            value=TEST,
            label="Predict what?",
            info="No version was trained on the test set, and its right answers are known.",
            interactive=True,
            elem_id="air-batch-what",
        )
        with gr.Column(visible=False, elem_id="air-batch-own", elem_classes="air-own") as self.own:
            self._build_files()
        self.version = gr.Dropdown(
            [("The champion", CHAMPION)],
            value=CHAMPION,
            label="Which version answers?",
            filterable=False,
            interactive=True,
            elem_id="air-batch-version",
        )
        self.start = gr.Button("Predict the test set", variant="primary", interactive=False, elem_id="air-batch-start")
        self.sign_in.why.render()
        self.note = html(elem_id="air-batch-note", html_template=LIVE)
        self.sign_in.sign_out.render()
        self.code = code_box()
        self.upload, self.filled = gr.State(None), gr.State({})

    def _build_files(self) -> None:
        self.how = html()
        common = {"height": 140, "visible": False, "interactive": True}
        self.pictures = gr.File(
            label="Your pictures",
            file_count="multiple",
            file_types=[".zip", "image"],
            elem_id="air-batch-pictures",
            **common,
        )
        self.table = gr.File(label="Your CSV file", file_types=[".csv"], elem_id="air-batch-table", **common)
        self.reading = html(elem_id="air-batch-reading", html_template=LIVE)
        self.check = html(
            elem_id="air-batch-check", html_template='<div role="status" class="air-stack">${value}</div>'
        )
        self.another = gr.Button("Take another file", visible=False, elem_id="air-batch-another")
        html(quiet(SEEN_BY))

    async def _fill(
        self,
        before: Sent,
        name: str | None,
        what: str,
        version: str,
        upload: Upload | None,
        token: str,
        request: gr.Request,
    ) -> Updates:
        """What this visitor may do, the versions, and what the check of the given file found."""
        try:
            models = await self.api.catalogue()
            if name not in models:
                return {self.model: choices(models, name)}
            model = models[name]
            allowed = await permission(self.api, request, token)
            versions = version_choices((await self.api.model(name))["versions"])
            how = await self._how(model, versions[0][0])
        except ApiError as error:
            return changed(self.filled, before, {self.sign_in.why: notice(str(error), "warning")})
        upload = _for_model(upload, name)
        missing = what == OWN and not (upload and upload["good"])
        pictures, allowed_now = model.family == IMAGE, allowed.may and upload is None
        code = batch_code(
            public_api(request, self.public_url),
            name,
            upload["names"] if what == OWN and upload else [] if what == TEST else _typical(model),
            version if version in {name for _, name in versions} else CHAMPION,
            token=allowed.by_token,
        )
        now = self.sign_in.shown(allowed) | {
            self.model: choices(models, name),
            self.own: gr.update(visible=what == OWN),
            self.how: how,
            self.pictures: gr.update(visible=allowed_now and pictures),
            self.table: gr.update(visible=allowed_now and not pictures),
            self.check: check(upload, model) if upload else "",
            self.another: gr.update(visible=upload is not None),
            self.version: offered(versions, version),
            self.start: gr.update(value=start_label(what, upload, model), interactive=allowed.may and not missing),
            self.code: code,
        }
        return changed(self.filled, before, now)

    async def _how(self, model: Shown, champion: str) -> Markup:
        """Which files can be given. Raises ApiError."""
        limits = (await self.api.about())["limits"]
        example = {"count": 0, "example": ""} if model.family == IMAGE else await self._example(model.name, champion)
        return render("batch/how.html", model=model, limits=limits, rows=EXAMPLE_ROWS, **example)

    async def _example(self, name: str, champion: str) -> dict[str, Any]:
        """How many columns a table has and a small file of it, made once for a champion, in words.

        The page takes files without it, too.
        """
        if self._examples.get(name, {}).get("of") != champion:
            try:
                names = [feature["name"] for feature in await self.api.features(name)]
                rows = [item["row"] for item in await self.api.examples(name, EXAMPLE_ROWS, EXAMPLE_SEED)]
            except ApiError:
                return {"count": 0, "example": ""}
            self._examples[name] = {"of": champion, "count": len(names), "example": example_file(names, rows)}
        return {key: self._examples[name][key] for key in ("count", "example")}

    def _arrived(self) -> Updates:
        return {self.reading: notice("Uploading and checking it …"), self.note: ""}

    async def _given(self, files: Given | list[Given] | None, name: str, token: str, request: gr.Request) -> Updates:
        """Files came: the API gets and checks them."""
        listed = [files] if isinstance(files, dict) else files or []
        if not listed:
            return {self.reading: ""}
        empty = {self.pictures: None, self.table: None}
        try:
            headers = await self._headers(listed, request, token)
            upload = await uploads.pass_on(self.api, name, listed, headers, request)
        except ApiError as error:
            return empty | {self.reading: notice(str(error), "problem"), self.upload: None}
        return empty | {self.reading: "", self.upload: upload}

    async def _headers(self, files: list[Given], request: gr.Request, token: str) -> Headers:
        try:
            return await headers_for_change(self.api, request, token)
        except ApiError:
            uploads.release(files, request)
            raise

    async def _take_another(self, upload: Upload | None, token: str, request: gr.Request) -> Updates:
        """Take another file: this one is deleted now, or later by itself where that fails."""
        try:
            if upload:
                await self.api.forget(upload["id"], await headers_for_change(self.api, request, token))
        except ApiError:
            pass
        return {self.upload: None, self.reading: "", self.note: ""}

    async def _predict(
        self, name: str, what: str, version: str, upload: Upload | None, token: str, request: gr.Request
    ) -> Updates:
        """Queue a batch prediction and watch it; the upload is used up then."""
        upload = _for_model(upload, name) if what == OWN else None
        if what == OWN and upload is None:
            return gr.skip()
        config = {"upload": upload["id"] if upload else None, "version": version}
        used_up = {self.upload: None} if upload else {}
        try:
            headers = await headers_for_change(self.api, request, token)
            job = await self.api.queue(BATCH, name, config, headers)
        except ApiError as error:
            gone = upload is not None and await self._is_gone(upload, request, token)
            return {self.note: notice(str(error), "problem")} | (used_up if gone else {})
        return {self.chosen: job["id"], self.note: notice(QUEUED, "good")} | used_up

    async def _is_gone(self, upload: Upload, request: gr.Request, token: str) -> bool:
        try:
            await self.api.uploaded(upload["id"], await headers_for_change(self.api, request, token))
        except ApiError as error:
            return error.status == 404
        return False

    def wire(self, clock: Clock) -> None:
        """Which event calls what."""
        choice, token = [self.model, self.what, self.version, self.upload], self.token
        changes = [self.model.change, self.what.change, self.version.input, self.upload.change, token.change]
        filled = [self.model, self.own, self.how, self.pictures, self.table, self.check, self.another]
        filled += [self.version, self.start, self.code, *self.sign_in.components]
        gr.on([*clock.glances, *changes], self._fill, [self.filled, *choice, token], [self.filled, *filled], **EVENTS)
        self.sign_in.wire(self.api, token)
        given = [self.reading, self.upload, self.pictures, self.table, self.note]
        for field in (self.pictures, self.table):
            arrived = field.upload(self._arrived, None, [self.reading, self.note], **ONCE)
            arrived.then(self._given, [field, self.model, token], given, preprocess=False, **ONCE)
        self.another.click(self._take_another, [self.upload, token], given, **ONCE)
        self.start.click(self._predict, [*choice, token], [self.chosen, self.note, self.upload], **ONCE)


def _for_model(upload: Upload | None, name: str) -> Upload | None:
    """An upload for another model is kept until that one is chosen again."""
    return upload if upload and upload["model"] == name else None


def _typical(model: Shown) -> list[str]:
    return ["pictures.zip"] if model.family == IMAGE else ["rows.csv"]
