"""The lower half of the Retrain screen: a version beside the champion, its promotion, and the way back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from ui.compare.ask_both import AskBoth
from ui.compare.differences import Differences, pair_of
from ui.compare.figures import gate_text, side_by_side
from ui.compare.versions import CHAMPION, PREVIOUS, Version, choices, kept, moves_table, named, pick
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.clock import Clock
from ui.kit.templates import render
from ui.kit.updates import EVENTS, ONCE, Sent, Updates, changed
from ui.kit.visitor import headers_for_change
from ui.look.scripts import focus_on

REASON_LENGTH = 500
NONE_YET = "This model has no version yet. Train one above; the first becomes the champion."
WAITING = "The comparison appears as soon as the model is up."
DISCARD = "Discard version {}? It is deleted with its files. This cannot be undone."
FORCE_OFFERED = "If you know better, you can promote it anyway."


@dataclass(frozen=True)
class Session:
    """What the two halves of the screen share for each visitor: components and memory of one browser session."""

    model: gr.Radio
    token: gr.State
    why_not: gr.State
    finished: gr.State
    acted: gr.State
    ticking: Clock


class Service:
    """The components of this half; creating it puts them on the page.

    ``refused`` is the model and version that the gate refused, ``doubted`` of the one whose deletion a person is asked
    to confirm.
    """

    def __init__(self, api: Client, shared: Session) -> None:
        self.api, self.shared = api, shared
        self.sent, self.pair = gr.State({}), gr.State(None)
        self.refused, self.doubted = gr.State(None), gr.State(None)
        html("<h2>Is it better?</h2>")
        self.version = gr.Dropdown(
            label="Version to compare",
            info="It is shown beside the champion, the version that answers now.",
            filterable=False,
            interactive=True,
        )
        self.comparison = html(quiet(WAITING), elem_id="air-comparison")
        self.differences = Differences(api, self.pair)
        self.both = AskBoth(api, self.pair, self.differences)
        html("<h2>Promote it</h2>")
        html(quiet("A promoted version becomes the champion: every answer then comes from it."))
        self.now = html(elem_id="air-now")
        self.reason = gr.Textbox(label="Reason (optional)", info="Shown in the history.", max_length=REASON_LENGTH)
        with gr.Row(elem_classes="air-actions air-moving"):
            self.promote = gr.Button("Promote", variant="primary", interactive=False, elem_id="air-put")
            self.back = gr.Button("Roll back", interactive=False, elem_id="air-back")
            self.discard = gr.Button("Discard it", interactive=False, elem_id="air-discard")
        with gr.Column(visible=False) as self.asking:
            self.question = html()
            with gr.Row(elem_classes="air-actions"):
                self.yes = gr.Button("Yes, discard it", variant="stop", elem_id="air-discard-yes")
                self.no = gr.Button("No, keep it", elem_id="air-discard-no")
        self.note = html(elem_id="air-move-note", html_template=LIVE)
        self.force = gr.Button("Promote anyway", variant="stop", visible=False, elem_id="air-force")
        html("<h3>History</h3>")
        self.moves = html(elem_id="air-moves")

    def wire(self) -> None:
        """Make it work."""
        shared, refused, doubted = self.shared, self.refused, self.doubted
        triggers = [state.change for state in (shared.why_not, shared.finished, shared.acted, refused, doubted)]
        shown = [self.sent, self.version, self.comparison, self.now, self.moves, self.pair, self.question, self.asking]
        gr.on(
            [*shared.ticking.glances, shared.model.change, self.version.input, *triggers],
            self._look,
            [self.sent, shared.model, self.version, shared.finished, refused, doubted, shared.why_not],
            [*shown, self.promote, self.force, self.back, self.discard],
            **EVENTS,
        )
        self.differences.wire()
        self.both.wire()
        chosen = [shared.model, self.version, self.reason, shared.token]
        moved = [self.note, refused, self.reason, shared.acted]
        self.promote.click(self._promote, chosen, moved, **ONCE)
        self.force.click(self._promote_anyway, chosen, moved, **ONCE)
        self.back.click(self._back, [shared.model, self.reason, shared.token], moved, **ONCE)
        asked = self.discard.click(lambda *asked: list(asked), [shared.model, self.version], doubted, **EVENTS)
        asked.then(None, js=focus_on("air-discard-yes"))
        self.no.click(lambda: None, None, doubted, **EVENTS).then(None, js=focus_on("air-discard"))
        self.yes.click(self._discard, [doubted, shared.token], [self.note, doubted, shared.acted], **ONCE)

    async def _look(
        self,
        before: Sent,
        model: str | None,
        version: str | None,
        finished: dict[str, str] | None,
        refused: list[str] | None,
        doubted: list[str] | None,
        why_not: str | None,
    ) -> Updates:
        """Versions, comparison, champion and history, as they are now."""
        try:
            models = await self.api.catalogue()
            if model not in models:
                return gr.skip()
            state, moves = await asyncio.gather(self.api.model(model), self.api.history(model))
        except ApiError as error:
            return changed(self.sent, before, {self.now: notice(str(error), "warning")})
        if not state["versions"]:
            return changed(self.sent, before, self._nothing(), model=model)
        versions = {item["version"]: item for item in state["versions"]}
        shown = pick(state["versions"], _wanted(before, model, version, finished))
        champion, previous = named(state["versions"], CHAMPION), named(state["versions"], PREVIOUS)
        served, may, why_kept = shown == champion, why_not == "", kept(versions[shown])
        gate = "" if served else gate_text(state["about"], versions[champion], versions[shown])
        now = {
            self.version: gr.update(
                choices=choices(state["versions"]), **({} if shown == version else {"value": shown})
            ),
            self.comparison: await self._comparison(state, versions[champion], versions[shown]),
            self.now: render(
                "compare/now.html", champion=champion, previous=previous, gate=gate, kept=why_kept, why_not=why_not
            ),
            self.promote: gr.update(
                value=f"Version {shown} is the champion" if served else f"Promote version {shown}",
                interactive=may and not served,
            ),
            self.force: gr.update(visible=may and refused == [model, shown]),
            self.back: gr.update(interactive=may and previous is not None),
            self.moves: moves_table(moves),
            self.pair: None if served else pair_of(models[model], shown, champion),
            self.discard: gr.update(value=f"Discard version {shown}", interactive=may and not why_kept),
            self.asking: gr.update(visible=may and doubted == [model, shown]),
            self.question: notice(DISCARD.format(shown), "warning"),
        }
        return changed(self.sent, before, now, model=model, finished=finished)

    def _nothing(self) -> Updates:
        """Of a model without a version."""
        idle = gr.update(interactive=False)
        none = {self.now: quiet(NONE_YET), self.comparison: "", self.moves: "", self.pair: None}
        return none | {self.version: gr.update(choices=[], value=None), self.promote: idle, self.discard: idle}

    async def _comparison(self, state: dict[str, Any], champion: Version, shown: Version) -> Markup:
        try:
            thing = (await self.api.shown(state["name"])).thing
            both = await asyncio.gather(
                *(self.api.evaluation(state["name"], one["version"]) for one in (champion, shown))
            )
        except ApiError as error:
            return notice(str(error), "warning")
        same = len({one["source"]["data"].get("fingerprint") for one in (champion, shown)}) == 1
        return side_by_side(state["about"], thing, *both, same_data=same)

    async def _promote(
        self, model: str, version: str, reason: str, token: str, request: gr.Request
    ) -> AsyncIterator[Updates]:
        """Promote a version, unless the gate refuses it."""
        async for step in self._moved({"version": version, "reason": reason}, model, token, request):
            yield step

    async def _promote_anyway(
        self, model: str, version: str, reason: str, token: str, request: gr.Request
    ) -> AsyncIterator[Updates]:
        """Promote it whatever the gate decides."""
        async for step in self._moved({"version": version, "reason": reason, "force": True}, model, token, request):
            yield step

    async def _moved(
        self, wanted: dict[str, Any], model: str, token: str, request: gr.Request
    ) -> AsyncIterator[Updates]:
        version = wanted["version"]
        yield self._begun(f"Every replica of the model loads version {version} and checks it …")
        try:
            await self.api.promote(model, wanted, await headers_for_change(self.api, request, token))
        except ApiError as error:
            match error.detail:
                case {"gate": {"sentence": str(sentence)}}:
                    text = f"The gate refuses version {version}. {sentence} {FORCE_OFFERED}"
                    yield self._failed(text) | {self.refused: [model, version]}
                case _:
                    yield self._failed(str(error))
        else:
            yield self._done(f"Version {version} is the champion: every answer comes from it now.")

    async def _back(self, model: str, reason: str, token: str, request: gr.Request) -> AsyncIterator[Updates]:
        """Promote the version again that was champion before."""
        yield self._begun("Every replica of the model returns to the version before …")
        try:
            state = await self.api.rollback(model, reason, await headers_for_change(self.api, request, token))
        except ApiError as error:
            yield self._failed(str(error))
        else:
            yield self._done(f"Rolled back: version {named(state['versions'], CHAMPION)} answers again.")

    def _begun(self, text: str) -> Updates:
        return {self.note: notice(text), self.refused: None}

    def _ended(self, text: str, look: str) -> Updates:
        return {self.note: notice(text, look), self.refused: None, self.shared.acted: time.time_ns()}

    def _failed(self, text: str) -> Updates:
        return self._ended(text, "problem")

    def _done(self, text: str) -> Updates:
        return self._ended(text, "good") | {self.reason: ""}

    async def _discard(self, doubted: list[str] | None, token: str, request: gr.Request) -> Updates:
        """Delete the version that the question was about."""
        if not doubted:
            return {self.doubted: None}
        model, version = doubted
        now: Updates = {self.doubted: None, self.shared.acted: time.time_ns()}
        try:
            await self.api.discard(model, version, await headers_for_change(self.api, request, token))
        except ApiError as error:
            return now | {self.note: notice(str(error), "problem")}
        return now | {self.note: notice(f"Version {version} is discarded.", "good")}


def _wanted(before: Sent, model: str, version: str | None, finished: dict[str, str] | None) -> str | None:
    """The version that a person chose, or the one that the watched training has just made."""
    other_model = before.get("model") != model
    if finished and finished["model"] == model and (other_model or finished != before.get("finished")):
        return finished["version"]
    return None if other_model else version
