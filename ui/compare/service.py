"""The lower half of the Retrain screen: a version beside the champion, put into service and taken back.

Not run by itself; ui/retrain/screen.py puts it on the page.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from ui.compare import ask_both, differences
from ui.compare.figures import gate_text, side_by_side
from ui.jobs.view import moment, moment_html
from ui.kit.cards import html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.clock import Clock
from ui.kit.scripts import focus_on
from ui.kit.updates import EVENTS, Sent, updates
from ui.kit.visitor import headers_for_change

CHAMPION, PREVIOUS = "champion", "previous"
REASON_LENGTH = 500
LOOKED_AT = ["version", "comparison", "now", "put", "force", "back", "moves", "pair", "discard", "asking", "question"]
FORCE_ASKED = "If you know better, you can put it into service all the same."
DISCARD = "Discard version {}? It is deleted with its files, and there is no way back."
IDIOM = " Set force to promote it anyway."


def pick(versions: list[dict[str, Any]], wanted: str | None) -> str:
    """The wanted version if there is one, else the newest that is not the champion, else the champion."""
    names = [item["version"] for item in versions]
    if wanted in names:
        return str(wanted)
    others = (item["version"] for item in versions if CHAMPION not in item["aliases"])
    return next(others, names[0])


def choices(versions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """`Version 2 (champion), made 23 Nov, 10:45`, newest first."""
    return [
        (
            f"Version {item['version']}{' (champion)' if CHAMPION in item['aliases'] else ''}, "
            f"made {moment(item['created'])}",
            item["version"],
        )
        for item in versions
    ]


def now_text(champion: str, previous: str | None) -> str:
    """What is in service, and what taking it back would do."""
    back = f"“Take it back” puts version {previous} into service again." if previous else "It is the first one."
    return f"<p><strong>Version {escape(champion)} is in service.</strong> {escape(back)}</p>"


def kept_text(version: dict[str, Any]) -> str:
    """Why a version cannot be discarded; nothing for one that can."""
    if CHAMPION in version["aliases"]:
        return "The champion cannot be discarded."
    if PREVIOUS in version["aliases"]:
        return f"Version {version['version']} cannot be discarded: “Take it back” goes back to it."
    return ""


def moves_table(moves: list[dict[str, Any]]) -> str:
    """Every promotion and rollback, newest first."""
    if not moves:
        return quiet("Nothing was put into service by anybody yet.")
    words = {"promotion": "put into service", "rollback": "taken back"}
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{text}</td>"
            for text in (
                moment_html(move["at"]),
                escape(words.get(move["kind"], move["kind"])),
                *(escape(move[key]) for key in ("before", "version", "reason")),
            )
        )
        + "</tr>"
        for move in moves
    )
    head = "".join(f'<th scope="col">{text}</th>' for text in ("When", "What", "From", "To", "Reason"))
    return f'<table class="air-table air-moves"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


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
    """What happens in this half; every method is an event's handler or a part of one."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def look(
        self,
        before: Sent,
        model: str,
        version: str | None,
        finished: dict[str, str] | None,
        refused: list[str] | None,
        doubted: list[str] | None,
        why_not: str | None,
    ) -> list[Any]:
        """Versions, comparison, what is in service and the history, as they are now."""
        try:
            state, moves = await asyncio.gather(self.api.model(model), self.api.history(model))
        except ApiError as error:
            return updates(LOOKED_AT, before, {"now": notice(str(error), "warning")})
        versions = state["versions"]
        other_model = before.get("model") != model
        wanted = None if other_model else version
        if finished and finished["model"] == model and (other_model or finished != before.get("finished")):
            wanted = finished["version"]
        shown = pick(versions, wanted)
        by_alias = {alias: item["version"] for item in versions for alias in item["aliases"]}
        champion, previous = by_alias[CHAMPION], by_alias.get(PREVIOUS)
        by_version = {item["version"]: item for item in versions}
        may, served, kept = why_not == "", shown == champion, kept_text(by_version[shown])
        label = f"Version {shown} is in service" if served else f"Put version {shown} into service"
        now = {
            "model": model,
            "finished": finished,
            "version": gr.update(choices=choices(versions), **({} if shown == version else {"value": shown})),
            "comparison": await self._comparison(model, versions, champion, shown),
            "now": now_text(champion, previous)
            + ("" if served else gate_text(model, *(by_version[name] for name in (champion, shown))))
            + (quiet(kept) if kept else "")
            + (notice(why_not) if why_not else ""),
            "put": gr.update(value=label, interactive=may and not served),
            "force": gr.update(visible=may and refused == [model, shown]),
            "back": gr.update(interactive=may and previous is not None),
            "moves": moves_table(moves),
            "pair": None if served else {"model": model, "version": shown, "champion": champion},
            "discard": gr.update(value=f"Discard version {shown}", interactive=may and not kept),
            "asking": gr.update(visible=may and doubted == [model, shown]),
            "question": notice(DISCARD.format(shown), "warning"),
        }
        return updates(LOOKED_AT, before, now)

    async def _comparison(self, model: str, versions: list[dict[str, Any]], champion: str, shown: str) -> str:
        data = {item["version"]: item["source"]["data"].get("fingerprint") for item in versions}
        try:
            both = await asyncio.gather(*(self.api.evaluation(model, version) for version in (champion, shown)))
        except ApiError as error:
            return notice(str(error), "warning")
        return side_by_side(model, *both, same_data=data[champion] == data[shown])

    async def put(
        self, model: str, version: str, reason: str, token: str, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Put a version into service, unless the gate says no."""
        async for step in self._put({"version": version, "reason": reason}, model, token, request):
            yield step

    async def force(
        self, model: str, version: str, reason: str, token: str, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        """The same, whatever the gate says."""
        async for step in self._put({"version": version, "reason": reason, "force": True}, model, token, request):
            yield step

    async def _put(
        self, wanted: dict[str, Any], model: str, token: str, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        version = wanted["version"]
        yield notice(f"Every copy of the model loads version {version} and checks it …"), None, gr.skip(), gr.skip()
        try:
            await self.api.promote(model, wanted, await headers_for_change(self.api, request, token))
        except ApiError as error:
            gate = error.status == 409 and isinstance(error.detail, dict) and "gate" in error.detail
            text = f"{str(error).removesuffix(IDIOM)} {FORCE_ASKED}" if gate else str(error)
            yield notice(text, "problem"), [model, version] if gate else None, gr.skip(), time.time_ns()
        else:
            text = f"Version {version} is in service: every answer comes from it now."
            yield notice(text, "good"), None, "", time.time_ns()

    async def back(self, model: str, reason: str, token: str, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        """Put the version that was champion before into service again."""
        yield notice("Every copy of the model goes back …"), None, gr.skip(), gr.skip()
        try:
            state = await self.api.rollback(model, reason, await headers_for_change(self.api, request, token))
        except ApiError as error:
            yield notice(str(error), "problem"), None, gr.skip(), time.time_ns()
        else:
            champion = next(item["version"] for item in state["versions"] if CHAMPION in item["aliases"])
            yield notice(f"Taken back: version {champion} answers again.", "good"), None, "", time.time_ns()

    async def discard(self, doubted: list[str] | None, token: str, request: gr.Request) -> tuple[Any, ...]:
        """Delete the version that the question was about."""
        if not doubted:
            return gr.skip(), None, gr.skip()
        model, version = doubted
        try:
            await self.api.discard(model, version, await headers_for_change(self.api, request, token))
        except ApiError as error:
            return notice(str(error), "problem"), None, time.time_ns()
        return notice(f"Version {version} is discarded.", "good"), None, time.time_ns()


def build(api: Client, shared: Session) -> None:
    """Put this half on the page and wire it."""
    service = Service(api)

    html("<h2>Is it better?</h2>")
    version = gr.Dropdown(
        label="Version to compare", info="Beside the champion, the one in service.", filterable=False, interactive=True
    )
    comparison = html(quiet("The comparison appears as soon as the model is up."), elem_id="air-comparison")
    pair = gr.State(None)
    ask_both.build(api, pair, *differences.build(api, pair))
    html("<h2>Put it into service</h2>")
    now = html(elem_id="air-now")
    reason = gr.Textbox(
        label="Reason (may stay empty)", info="Kept in the history, for who wonders later.", max_length=REASON_LENGTH
    )
    with gr.Row(elem_classes="air-actions air-moving"):
        put = gr.Button("Put it into service", variant="primary", interactive=False, elem_id="air-put")
        back = gr.Button("Take it back", interactive=False, elem_id="air-back")
        discard = gr.Button("Discard it", interactive=False, elem_id="air-discard")
    with gr.Column(visible=False) as asking:
        question = html()
        with gr.Row(elem_classes="air-actions"):
            yes = gr.Button("Yes, discard it", variant="stop", elem_id="air-discard-yes")
            no = gr.Button("No, keep it", elem_id="air-discard-no")
    note = html(elem_id="air-move-note", html_template='<div role="status">${value}</div>')
    force = gr.Button("Promote all the same", variant="stop", visible=False, elem_id="air-force")
    html("<h3>History</h3>")
    moves = html(elem_id="air-moves")
    before, refused, doubted = gr.State({}), gr.State(None), gr.State(None)

    looked_at = [before, version, comparison, now, put, force, back, moves, pair, discard, asking, question]
    triggers = [state.change for state in (shared.why_not, shared.finished, shared.acted, refused, doubted)]
    gr.on(
        [*shared.ticking.glances, shared.model.change, version.input, *triggers],
        service.look,
        [before, shared.model, version, shared.finished, refused, doubted, shared.why_not],
        looked_at,
        **EVENTS,
    )
    moved = [note, refused, reason, shared.acted]
    once = EVENTS | {"trigger_mode": "once"}
    put.click(service.put, [shared.model, version, reason, shared.token], moved, **once)
    force.click(service.force, [shared.model, version, reason, shared.token], moved, **once)
    back.click(service.back, [shared.model, reason, shared.token], moved, **once)
    discard.click(lambda *asked: list(asked), [shared.model, version], doubted, **EVENTS).then(
        None, js=focus_on("air-discard-yes")
    )
    no.click(lambda: None, None, doubted, **EVENTS).then(None, js=focus_on("air-discard"))
    yes.click(service.discard, [doubted, shared.token], [note, doubted, shared.acted], **once)
