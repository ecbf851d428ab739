"""The options of a job in a form: a text field each, in the words and with the bounds that the API gives of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gradio as gr

from ui.jobs import typed
from ui.kit.client import ApiError
from ui.kit.updates import Updates

# An option of a JSON Schema: title, description, default, bounds.
Option = dict[str, Any]
DEFAULT = "by preset"
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
# By its style alone: Gradio removes an invisible field from the page, with what was typed into it.
HIDDEN = "hidden"
PLAIN, WRONG = ["air-field"], ["air-field", "air-empty"]


def field(label: str) -> gr.Textbox:
    """A text field: an empty number field of Gradio shows 0, and sends it."""
    return gr.Textbox(
        "",
        label=label,
        placeholder=DEFAULT,
        max_lines=1,
        max_length=20,
        min_width=120,
        interactive=True,
        elem_classes=PLAIN,
        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
    )


def fields(names: Iterable[str]) -> dict[str, gr.Textbox]:
    """A field for each option, by its name; its words come with ``described``."""
    return {name: field(name.replace("_", " ").capitalize()) for name in names}


def described(shown: dict[str, gr.Textbox], properties: dict[str, Option]) -> Updates:
    """The fields in the words of a schema's properties; a field without a property is hidden."""
    return {field: _described(properties.get(name)) for name, field in shown.items()}


def _described(option: Option | None) -> Any:
    if option is None:
        return gr.update(visible=HIDDEN)
    default = option.get("default")
    placeholder = DEFAULT if default is None else typed.shown(default)
    return gr.update(label=option["title"], info=help_of(option), placeholder=placeholder, visible=True)


def help_of(option: Option) -> str:
    """What an option means, and what it may be."""
    return f"{option.get('description', '').rstrip('.')}. {bounds(option)}".strip()


def bounds(option: Option) -> str:
    """`1 to 500.`, `Above 0, at most 1.`; nothing for an option without bounds."""
    number = option.get("anyOf", [option])[0]  # of one that may also be null
    ends = {key: f"{number[key]:,.15g}" for key in BOUNDS if key in number}
    if "minimum" in ends and "maximum" in ends:
        return f"{ends['minimum']} to {ends['maximum']}."
    words = ", ".join(f"{BOUNDS[key]} {end}" for key, end in ends.items())
    return f"{words[0].upper()}{words[1:]}." if words else ""


def in_minutes(option: Option) -> Option:
    """An option in seconds as a field asks for it in minutes."""
    number = option.get("anyOf", [option])[0]
    ends = {key: number[key] / 60 for key in BOUNDS if key in number}
    return option | {"title": f"{option['title']} (minutes)", "anyOf": [number | ends]}


def number(label: str, text: str) -> float | int | None:
    """The number in a field, None for an empty one; the API checks the bounds. Raises ApiError."""
    value, problem = typed.number(text)
    if problem:
        raise ApiError(f"{label}: {problem}.")
    return int(value) if value is not None and value.is_integer() else value


def refused(error: ApiError) -> tuple[list[str], str]:
    """The path to the option that the API refused, and what is wrong with it; an empty path for any other error."""
    match error.detail:
        case {"field": [str(), *_] as path, "problem": str(problem)}:
            return path, problem
    return [], str(error)
