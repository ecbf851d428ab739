"""Only what has changed is sent to the page again: what stands there keeps its focus, and is not read out twice.

Not run by itself; the screens use it.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

# Of every event. A browser would else note the progress of each component, however well it is hidden: that is half
# of what an event costs it.
UNSEEN: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
EVENTS: dict[str, Any] = UNSEEN | {
    "concurrency_limit": 8,
    # Whatever happens while an answer is under way gets an answer of its own, after it.
    "trigger_mode": "always_last",
}
# Of events that come with data, of what was clicked. One that Gradio puts off it sends with the data of the one before.
CLICKS: dict[str, Any] = UNSEEN | {"trigger_mode": "multiple", "concurrency_limit": 1}
# Values by the name of their component, as they were sent last, and what the handler wants to remember.
Sent = dict[str, Any]


def offered(choices: list[tuple[str, str]], chosen: str | None) -> Any:
    """The choices of a radio or a dropdown; the first is taken where what was chosen is not among them.

    Else what a person has chosen is left to them: they may be choosing again right now.
    """
    values = [value for _, value in choices]
    return gr.update(choices=choices, **({} if chosen in values else {"value": values[0]}))


def updates(names: list[str], before: Sent, now: Sent) -> list[Any]:
    """What to remember, then a value for each name; one that is not in `now` or is as before is left alone."""
    changed = [now[name] if name in now and before.get(name) != now[name] else gr.skip() for name in names]
    return [before | now, *changed]
