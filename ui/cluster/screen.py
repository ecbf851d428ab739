"""The Cluster screen: what runs where right now, and how it recovers when a process dies.

It asks the API only while it is visible.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from ui.cluster.view import NAMES, REPLICA, WORKER, machines, own, recovery, replicas, trains, work, workloads
from ui.kit import clock
from ui.kit.cards import LIVE, html, notice, quiet
from ui.kit.client import ApiError, Client
from ui.kit.sign_in import SignIn
from ui.kit.templates import render
from ui.kit.updates import EVENTS, ONCE, Sent, Updates, changed
from ui.kit.visitor import headers_for_change, permission

NEW_S = 30.0
WORKER_HINT = (
    "A training worker can be killed while an image model is trained, or a table model by two workers or more."
)
WAITING = quiet("Shown as soon as the service is up.")


class Screen:
    """The screen; creating it puts it on the page."""

    def __init__(self, api: Client, token: gr.State) -> None:
        self.api, self.token = api, token
        with gr.Column(elem_classes="air-below"):
            html(render("cluster/intro.html"))
            self.problem = html(html_template=LIVE, elem_id="air-cluster-problem")
            self.workloads = html(WAITING, elem_id="air-workloads")
        with gr.Row(elem_classes="air-screen"):
            with gr.Column(scale=5, min_width=300):
                html("<h2>Machines</h2>")
                self.machines = html(WAITING, elem_id="air-machines")
                self._build_demonstration()
            with gr.Column(scale=6, min_width=300):
                html("<h2>Replicas</h2>")
                self.replicas = html(WAITING, elem_id="air-replicas")
                html("<h2>Work</h2>")
                self.work = html(WAITING, elem_id="air-work")
                with gr.Accordion("What AIR Studio and Ray need for themselves", open=False):
                    self.own = html(WAITING, elem_id="air-own-processes")
        self.clock = clock.build()
        self.watched, self.filled, self.acted = gr.State({}), gr.State({}), gr.State(0)

    def _build_demonstration(self) -> None:
        html(render("cluster/demonstration.html"))
        self.sign_in = SignIn("air-cluster")
        self.sign_in.why.render()
        with gr.Row(elem_classes="air-actions"):
            self.kill_replica = gr.Button("Kill a replica", interactive=False, elem_id="air-kill-replica")
            self.kill_worker = gr.Button("Kill a training worker", interactive=False, elem_id="air-kill-worker")
        html(quiet(WORKER_HINT))
        self.note = html(html_template=LIVE, elem_id="air-kill-note")
        self.sign_in.sign_out.render()

    async def _watch(self, before: Sent, why_not: str | None) -> Updates:
        """The cluster as it is now."""
        try:
            cluster = await self.api.cluster()
        except ApiError as error:
            return changed(self.watched, before, {self.problem: notice(str(error), "warning")})
        seen = _seen(before.get("seen"), cluster)
        new = {pid for pid, first in seen.items() if time.monotonic() - first < NEW_S}
        may = why_not == ""
        now = {
            self.problem: "",
            self.workloads: workloads(cluster, new),
            self.machines: machines(cluster),
            self.replicas: replicas(cluster),
            self.work: work(cluster),
            self.own: own(cluster, new),
            self.kill_replica: gr.update(interactive=may and bool(cluster["replicas"])),
            self.kill_worker: gr.update(interactive=may and trains(cluster)),
        }
        return changed(self.watched, before, now, seen=seen)

    async def _fill(self, before: Sent, token: str, request: gr.Request) -> Updates:
        """What this visitor may do."""
        try:
            now = self.sign_in.shown(await permission(self.api, request, token))
        except ApiError as error:
            now = {self.sign_in.why: notice(str(error), "warning")}
        return changed(self.filled, before, now)

    async def _kill(self, kind: str, token: str, request: gr.Request) -> AsyncIterator[Updates]:
        """Say what is being done, then how long it took."""
        yield {self.note: notice(f"A {NAMES[kind]} is being killed. Watch its number go and a new one come …")}
        try:
            killed = await self.api.kill(kind, await headers_for_change(self.api, request, token))
            text = notice(recovery(killed), "good")
        except ApiError as error:
            text = notice(str(error), "problem")
        yield {self.note: text, self.acted: time.time_ns()}

    def wire(self) -> None:
        """Which event calls what."""
        sign_in = self.sign_in
        shown = [self.problem, self.workloads, self.machines, self.replicas, self.work, self.own]
        gr.on(
            [*self.clock.glances, self.token.change],
            self._fill,
            [self.filled, self.token],
            [self.filled, *sign_in.components],
            **EVENTS,
        )
        gr.on(
            [*self.clock.looks, self.acted.change, sign_in.why_not.change],
            self._watch,
            [self.watched, sign_in.why_not],
            [self.watched, *shown, self.kill_replica, self.kill_worker],
            **EVENTS,
        )
        sign_in.wire(self.api, self.token)
        for button, kind in ((self.kill_replica, REPLICA), (self.kill_worker, WORKER)):
            button.click(self._kill, [gr.State(kind), self.token], [self.note, self.acted], **ONCE)


def _seen(before: dict[int, float] | None, cluster: dict[str, Any]) -> dict[int, float]:
    """When each process was seen first; those of the first look count as old."""
    first = time.monotonic() if before is not None else float("-inf")
    return {process["pid"]: (before or {}).get(process["pid"], first) for process in cluster["processes"]}


def build(api: Client, token: gr.State) -> clock.Clock:
    """Put the screen on the page; returns the clock that runs only while it is visible."""
    screen = Screen(api, token)
    screen.wire()
    return screen.clock
