"""What events of the page have in common, and what they send: only what has changed.

A component that is not sent again keeps its focus, and screen readers do not read it out twice. A handler returns
what it changes by component, ``{note: "Saved", button: gr.update(visible=False)}``; ``changed`` leaves out what is as
it was sent before:

    before, note, button = gr.State({}), gr.HTML(), gr.Button()

    def refresh(seen: Sent) -> Updates:
        return changed(before, seen, {note: "Saved", button: gr.update(visible=False)}, job=job)

    timer.tick(refresh, before, [before, note, button], **EVENTS)      # seen["job"] is the job of the last time
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.blocks import Block

# Of every event. Otherwise the browser notes the progress of each component, even a hidden one: half of an event's
# cost.
UNSEEN: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
EVENTS: dict[str, Any] = UNSEEN | {
    "concurrency_limit": 8,
    # What happens while an event is answered is answered after it.
    "trigger_mode": "always_last",
}
# Of events that bring data: what was clicked. Gradio sends an event that it postponed with the data of the one before.
CLICKS: dict[str, Any] = UNSEEN | {"trigger_mode": "multiple", "concurrency_limit": 1}
# The second click of a double click is left out.
ONCE: dict[str, Any] = EVENTS | {"trigger_mode": "once"}
# What a handler changes, by component.
Updates = dict[Block, Any]
# What was sent last by the id of its component, and what handlers noted by name.
Sent = dict[Any, Any]


def changed(memory: gr.State, before: Sent, now: Updates, **noted: Any) -> Updates:
    """What of ``now`` differs from what was sent ``before``, and the ``memory`` of all that; with what is noted."""
    sent = {component._id: value for component, value in now.items()}
    different = {component: value for component, value in now.items() if before.get(component._id) != value}
    return {memory: before | sent | noted, **different}


def offered(choices: list[tuple[str, str]], chosen: str | None) -> Any:
    """The choices of a radio or a dropdown; the first is selected where the chosen one is not among them.

    Otherwise the value is not touched: the person may be choosing again right now.
    """
    values = [value for _, value in choices]
    return gr.update(choices=choices, **({} if chosen in values else {"value": values[0]}))
