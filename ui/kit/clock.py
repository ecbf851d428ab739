"""When a screen refreshes: when it becomes visible, and every few seconds while it stays so.

A hidden screen requests nothing, so a busy browser has no more to do.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from settings import get_settings
from ui.kit.updates import UNSEEN

# In times of AIR_REFRESH_S.
FAST, RETRY, STATE, SLOW = 1.0, 1.5, 2.5, 3.0


@dataclass(frozen=True)
class Clock:
    """``arrived`` changes when the screen becomes visible; ``fast`` ticks for what moves, ``slow`` for the rest."""

    arrived: gr.State
    fast: gr.Timer
    slow: gr.Timer

    @property
    def looks(self) -> list[Any]:
        """Events for what moves."""
        return [self.arrived.change, self.fast.tick]

    @property
    def glances(self) -> list[Any]:
        """Events for what seldom changes."""
        return [self.arrived.change, self.slow.tick]


def build() -> Clock:
    """A clock that does not run until its screen becomes visible."""
    return Clock(gr.State(None), timer(FAST, active=False), timer(SLOW, active=False))


def timer(pace: float, active: bool = True) -> gr.Timer:
    """A timer that ticks every ``pace`` times AIR_REFRESH_S."""
    return gr.Timer(pace * get_settings().air_refresh_s, active=active)


def run_in_sight(clocks: dict[gr.Tab, Clock | None]) -> None:
    """Let the clock of each tab run only while that is open.

    The browser does it alone: the server's event is dropped for a person who is already at the next tab, and the clock
    of the wrong tab would run.

    A tab has an event of its own for its arrival: Gradio takes every state that an event could change as changed.
    """
    running = {tab: clock for tab, clock in clocks.items() if clock is not None}
    timers = [timer for clock in running.values() for timer in (clock.fast, clock.slow)]
    for tab, clock in clocks.items():
        now = [gr.update(active=other is tab) for other in running for _ in range(2)]
        tab.select(None, None, timers, js=f"() => {json.dumps(now)}")
        if clock is not None:
            tab.select(lambda: time.time_ns(), None, clock.arrived, **UNSEEN)
