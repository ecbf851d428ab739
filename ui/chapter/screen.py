"""The Chapter screen: the sections of the chapter, each with today's program, which runs as a job.

A run is a job outside the page: two browsers see the same output, and a reload loses nothing.
"""

from __future__ import annotations

import asyncio

import gradio as gr

from ui.chapter import view
from ui.chapter.words import ENGLISH, LANGUAGES, WORDS, Words
from ui.jobs.buttons import JobButtons
from ui.jobs.view import EXAMPLE, Job, read_log, watched
from ui.kit import clock
from ui.kit.cards import LIVE, html, notice, python, quiet
from ui.kit.client import ApiError, Client
from ui.kit.sign_in import SignIn
from ui.kit.updates import CLICKS, EVENTS, ONCE, Sent, Updates, changed
from ui.kit.visitor import headers_for_change, headers_of, permission, with_token
from ui.look.scripts import BUTTONS, show_on_narrow

WAITING = "The sections appear as soon as the service is up."
# Of a program's at most 60 lines, so that what it prints stays near.
SHOWN_LINES = 20


class Screen:
    """The screen; creating it puts it on the page."""

    def __init__(self, api: Client, token: gr.State) -> None:
        self.api, self.token = api, token
        words = WORDS[ENGLISH]
        self.section, chosen = gr.State(None), gr.State(None)
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=4, min_width=280):
                self.intro = html(view.intro(ENGLISH))
                self.language = gr.Radio(
                    LANGUAGES, value=ENGLISH, label="Language", interactive=True, elem_id="air-chapter-language"
                )
                self.list = html(quiet(WAITING), js_on_load=BUTTONS, elem_id="air-chapter-list")
            with gr.Column(scale=7, min_width=300):
                self.text = html(elem_id="air-chapter-section", html_template=LIVE)
                self.program = python("", max_lines=SHOWN_LINES, elem_id="air-chapter-program", elem_classes="air-code")
                self.meanwhile = html(elem_id="air-chapter-meanwhile")
                self.sign_in = SignIn("air-chapter")
                self.run = gr.Button(words.run, variant="primary", interactive=False, elem_id="air-chapter-run")
                self.sign_in.why.render()
                self.note = html(html_template=LIVE, elem_id="air-chapter-note")
                self.sign_in.sign_out.render()
                self.output = html(elem_id="air-chapter-output")
                self.head = html(html_template=LIVE, elem_id="air-chapter-job")
                self.buttons = JobButtons("air-chapter", words.cancel, "Run it again", chosen)
                self.picture = html(elem_id="air-chapter-picture")
                self.log = html(elem_id="air-chapter-log")
        jobs, sign_in = self.buttons, self.sign_in
        self.named = [self.run, jobs.cancel, jobs.yes, jobs.no, sign_in.enter, sign_in.sign_out]
        self.clock = clock.build()
        self.shown, self.filled, self.watched = gr.State({}), gr.State({}), gr.State({})

    async def _show(self, before: Sent, section: str | None, language: str) -> Updates:
        """The sections in a language, and the chosen one."""
        try:
            sections = await self.api.chapter()
        except ApiError as error:
            return changed(self.shown, before, {self.list: notice(str(error), "warning")})
        now = {self.intro: view.intro(language), **self._named(WORDS[language])}
        found = _chosen(sections, section)
        if found is not None:
            now |= {
                self.list: view.listed(sections, found["name"], language),
                self.text: view.text(found, language),
                self.program: gr.update(value=found["source"], label=f"examples/{found['name']}.py"),
                self.meanwhile: view.meanwhile(found, language),
            }
        return changed(self.shown, before, now)

    def _named(self, words: Words) -> Updates:
        """The buttons in the words of a language."""
        names = [words.run, words.cancel, words.yes, words.no, words.enter, words.leave]
        return {button: gr.update(value=name) for button, name in zip(self.named, names, strict=True)}

    async def _fill(self, before: Sent, token: str, request: gr.Request) -> Updates:
        """What this visitor may do."""
        try:
            allowed = await permission(self.api, request, token)
        except ApiError as error:
            return changed(self.filled, before, {self.sign_in.why: notice(str(error), "warning")})
        return changed(
            self.filled, before, self.sign_in.shown(allowed) | {self.run: gr.update(interactive=allowed.may)}
        )

    async def _watch(
        self,
        before: Sent,
        section: str | None,
        language: str,
        chosen: str | None,
        asked: str | None,
        why_not: str | None,
        token: str,
        request: gr.Request,
    ) -> Updates:
        """The latest run of the chosen section, as it is now."""
        try:
            found, everything = _chosen(await self.api.chapter(), section), await self.api.jobs()
            runs = [job for job in everything if job["kind"] == EXAMPLE and found and _runs(job, found)]
            job = watched(runs, chosen)
            details = await self._details(job, before, language, token, request)
        except ApiError as error:
            return changed(self.watched, before, {self.head: notice(str(error), "warning")})
        now = details | self.buttons.shown(job, asked, may=why_not == "", resumable=False)
        now |= {
            self.output: view.heading(WORDS[language].output, language),
            self.head: view.state(job, everything, language),
        }
        return changed(self.watched, before, now, job=job, seen=(language, bool(token)))

    async def _details(self, job: Job | None, before: Sent, language: str, token: str, request: gr.Request) -> Updates:
        """Output and picture; those of a run that has ended are not read again for the same visitor."""
        if job is None:
            return {self.log: "", self.picture: ""}
        seen = before.get("job"), before.get("seen")
        if seen == (job, (language, bool(token))) and job["about"]["state"]["ended"]:
            return {}
        log, picture = await asyncio.gather(
            read_log(self.api, job["id"], with_token(headers_of(request), token)), self.api.picture(job["id"])
        )
        return {self.log: log, self.picture: view.picture(picture, language)}

    async def _run(self, section: str | None, language: str, token: str, request: gr.Request) -> Updates:
        """Queue a run of the chosen section's program and watch it."""
        try:
            found = _chosen(await self.api.chapter(), section)
            headers = await headers_for_change(self.api, request, token)
            job = await self.api.queue(EXAMPLE, "", {"name": found["name"] if found else ""}, headers)
        except ApiError as error:
            return {self.note: notice(str(error), "problem")}
        return {self.buttons.chosen: job["id"], self.note: notice(WORDS[language].queued, "good")}

    def _choose(self, event: gr.EventData) -> Updates:
        return {self.section: event.section, self.note: ""}

    def wire(self) -> None:
        """Which event calls what."""
        buttons, sign_in, choice = self.buttons, self.sign_in, [self.section, self.language]
        changes = [self.section.change, self.language.change]
        gr.on(
            [*self.clock.glances, *changes],
            self._show,
            [self.shown, *choice],
            [self.shown, self.intro, self.list, self.text, self.program, self.meanwhile, *self.named],
            **EVENTS,
        )
        gr.on(
            [*self.clock.glances, self.token.change],
            self._fill,
            [self.filled, self.token],
            [self.filled, self.run, *sign_in.components],
            **EVENTS,
        )
        states = [buttons.chosen, buttons.asked, sign_in.why_not]
        gr.on(
            [*self.clock.looks, *changes, *(state.change for state in (*states, buttons.acted))],
            self._watch,
            [self.watched, *choice, *states, self.token],
            [self.watched, self.output, self.head, self.log, self.picture, *buttons.components],
            **EVENTS,
        )
        sign_in.wire(self.api, self.token)
        opened = self.list.select(self._choose, None, [self.section, self.note], **CLICKS)
        opened.then(None, js=show_on_narrow("air-chapter-section"))
        self.run.click(self._run, [*choice, self.token], [buttons.chosen, self.note], **ONCE)
        buttons.wire(self.api, None, self.watched, self.token, "air-chapter-output")


def _chosen(sections: list[view.Section], name: str | None) -> view.Section | None:
    """The section of a name, else the first one; None where there is none at all."""
    return next((section for section in sections if section["name"] == name), next(iter(sections), None))


def _runs(job: Job, section: view.Section) -> bool:
    return job["config"]["name"] == section["name"]


def build(api: Client, token: gr.State) -> clock.Clock:
    """Put the screen on the page; returns the clock that runs only while it is visible."""
    screen = Screen(api, token)
    screen.wire()
    return screen.clock
