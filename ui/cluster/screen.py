"""The Cluster screen: what runs where right now, and what happens when something of it dies.

Run all screens with `python -m ui`. It asks only while it is in sight.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from ui.cluster.view import NAMES, REPLICA, WORKER, machines, own, picture, recovery, replicas, trains, work
from ui.kit import clock, sign_in
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.updates import EVENTS, Sent, updates
from ui.kit.visitor import headers_for_change, permission

NEW_S = 30.0
WATCHED = ["problem", "picture", "machines", "replicas", "work", "own", "replica", "worker"]
FORM = ["why_not", "signing", "signed", "why"]
INTRO = """\
<div class="air-intro"><h2>What runs where</h2>
<p>Everything here runs on Ray, on one machine or on many. Below are the processes that work at this moment, each
with its number (pid), sorted by the four kinds of work that Ray is made for.</p></div>"""
DEMONSTRATION = """\
<div class="air-intro"><h2>Does it survive a crash?</h2>
<p>End a process without warning, as a crash would, and watch another take its place. Predictions are answered
all the while, and a training goes on from its last checkpoint.</p></div>"""
WORKER_HINT = "A training worker can be killed while images are trained, or the table with two workers or more."
WAITING = quiet("Shown as soon as the service is up.")


class Screen:
    """What happens on this screen; every method is an event's handler or a part of one."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def watch(self, before: Sent, why_not: str | None) -> list[Any]:
        """The cluster as it is now."""
        try:
            cluster = await self.api.cluster()
        except ApiError as error:
            return updates(WATCHED, before, {"problem": notice(str(error), "warning")})
        seen = _seen(before.get("seen"), cluster)
        new = {pid for pid, first in seen.items() if time.monotonic() - first < NEW_S}
        may = why_not == ""
        now = {
            "seen": seen,
            "problem": "",
            "picture": picture(cluster, new),
            "machines": machines(cluster),
            "replicas": replicas(cluster),
            "work": work(cluster),
            "own": own(cluster, new),
            "replica": gr.update(interactive=may and bool(cluster["replicas"])),
            "worker": gr.update(interactive=may and trains(cluster)),
        }
        return updates(WATCHED, before, now)

    async def fill(self, before: Sent, token: str, request: gr.Request) -> list[Any]:
        """What this visitor may do."""
        try:
            now = sign_in.shown(await permission(self.api, request, token))
        except ApiError as error:
            now = {"why": notice(str(error), "warning")}
        return updates(FORM, before, now)

    async def kill(self, kind: str, token: str, request: gr.Request) -> AsyncIterator[tuple[str, Any]]:
        """Say what is being done, then how long it took."""
        yield notice(f"A {NAMES[kind]} is being killed. Watch its number go and a new one come …"), gr.skip()
        try:
            killed = await self.api.kill(kind, await headers_for_change(self.api, request, token))
        except ApiError as error:
            yield notice(str(error), "problem"), time.time_ns()
            return
        yield notice(recovery(killed), "good"), time.time_ns()


def _seen(before: dict[int, float] | None, cluster: dict[str, Any]) -> dict[int, float]:
    """When each process that works now was seen first; those that were there at the first look, long ago."""
    first = time.monotonic() if before is not None else float("-inf")
    return {process["pid"]: (before or {}).get(process["pid"], first) for process in cluster["processes"]}


def build(
    api: Client,
    page: gr.Blocks,  # noqa: ARG001 - as all screens
    public_url: str | None,  # noqa: ARG001 - as all screens
    token: gr.State,
) -> clock.Clock:
    """Put the screen on the page and wire it; returns the clock that runs only while it is in sight."""
    screen = Screen(api)
    with gr.Column(elem_classes="air-below"):
        html(INTRO)
        problem = html(html_template=LIVE, elem_id="air-cluster-problem")
        drawn = html(WAITING, elem_id="air-workloads")
    with gr.Row(elem_classes="air-screen"):
        with gr.Column(scale=5, min_width=300):
            html("<h2>Machines</h2>")
            shown_machines = html(WAITING, elem_id="air-machines")
            html(DEMONSTRATION)
            signing = sign_in.build("air-cluster")
            why = html(elem_id="air-cluster-why")
            with gr.Row(elem_classes="air-actions"):
                kill_replica = gr.Button("Kill a replica", interactive=False, elem_id="air-kill-replica")
                kill_worker = gr.Button("Kill a training worker", interactive=False, elem_id="air-kill-worker")
            html(quiet(WORKER_HINT))
            note = html(html_template=LIVE, elem_id="air-kill-note")
            signed = sign_in.sign_out_button("air-cluster")
        with gr.Column(scale=6, min_width=300):
            html("<h2>Replicas</h2>")
            shown_replicas = html(WAITING, elem_id="air-replicas")
            html("<h2>Work</h2>")
            shown_work = html(WAITING, elem_id="air-work")
            with gr.Accordion("What AIR Studio and Ray need for themselves", open=False):
                shown_own = html(WAITING, elem_id="air-own-processes")
    ticking = clock.build()
    why_not = sign_in.why_not()
    watching, filling, acted = gr.State({}), gr.State({}), gr.State(0)
    gr.on(
        [*ticking.glances, token.change],
        screen.fill,
        [filling, token],
        [filling, why_not, signing.signing, signed, why],
        **EVENTS,
    )
    shown = [problem, drawn, shown_machines, shown_replicas, shown_work, shown_own, kill_replica, kill_worker]
    gr.on(
        [*ticking.looks, acted.change, why_not.change],
        screen.watch,
        [watching, why_not],
        [watching, *shown],
        **EVENTS,
    )
    sign_in.wire(api, signing, signed, token)
    once = EVENTS | {"trigger_mode": "once"}
    for button, kind in ((kill_replica, REPLICA), (kill_worker, WORKER)):
        button.click(_killing(screen, kind), token, [note, acted], **once)
    return ticking


def _killing(screen: Screen, kind: str) -> Any:
    async def kill(token: str, request: gr.Request) -> AsyncIterator[tuple[str, Any]]:
        async for shown in screen.kill(kind, token, request):
            yield shown

    return kill
