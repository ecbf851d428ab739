"""What a field of the form holds, by the kind of its column: how it is shown, read and explained.

An empty field is a missing value, ``null`` in the API, where the column has missing values or is no number.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import gradio as gr
from gradio.components import Component

from ui.jobs import typed

NUMBER, CATEGORY, BOOLEAN, TEXT, DATE = "number", "category", "boolean", "text", "date"
MISSING = ""
MISSING_WORD = "(missing)"
TRUE, FALSE = "true", "false"
LONGEST = 10_000
WITHOUT = "Empty: it is answered without it"
NOT_TYPED: dict[str, Any] = {"html_attributes": gr.InputHTMLAttributes(autocomplete="off", spellcheck=False)}

Feature = dict[str, Any]


def kind_of(feature: Feature) -> str:
    """What the column holds."""
    return feature.get("kind", NUMBER)


def may_miss(feature: Feature) -> bool:
    """Whether there is an answer without it."""
    return kind_of(feature) != NUMBER or feature.get("missing", 0) > 0


def in_words(value: Any) -> str:
    """A value of the API as a person reads it."""
    match value:
        case None:
            return "missing"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:g}"
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:39]}…"


class Number:
    """A number with its range."""

    def field(self, feature: Feature, value: Any, words: dict[str, Any]) -> Component:
        """The component."""
        return gr.Number(value, step=feature["step"], **words)

    def typical(self, feature: Feature) -> Any:
        """What it begins with where no real row is there."""
        return feature["median"]

    def read(self, value: Any) -> Any:
        """The value for the API of what a browser sent."""
        return value

    def shown(self, value: Any) -> Any:
        """What the component shows of a value of the API."""
        return value

    def note(self, feature: Feature, value: Any) -> tuple[str, str]:
        """The line under its name: its range, or what is wrong with its value, and then a class."""
        extent = f"{feature['min']:g} – {feature['max']:g}"
        if value is None and may_miss(feature):
            return WITHOUT, ""
        if value is None:
            return f"Empty: type a number, say {feature['median']:g}", "air-empty"
        if value < feature["min"]:
            return f"Below the training range {extent}", "air-outside"
        if value > feature["max"]:
            return f"Above the training range {extent}", "air-outside"
        return extent, ""


class Words(Number):
    """Free text; empty is missing."""

    def field(self, feature: Feature, value: Any, words: dict[str, Any]) -> Component:  # noqa: ARG002
        return gr.Textbox(value, lines=2, max_lines=6, max_length=LONGEST, **words, **NOT_TYPED)

    def typical(self, feature: Feature) -> Any:  # noqa: ARG002
        return MISSING

    def read(self, value: Any) -> Any:
        return value if isinstance(value, str) and value.strip() else None

    def shown(self, value: Any) -> Any:
        return MISSING if value is None else str(value)

    def note(self, feature: Feature, value: Any) -> tuple[str, str]:  # noqa: ARG002
        return ("Text" if self.read(value) is not None else WITHOUT), ""


class Gap(Words):
    """A number that may be missing: an empty number field of Gradio shows the number that was there before."""

    def field(self, feature: Feature, value: Any, words: dict[str, Any]) -> Component:  # noqa: ARG002
        return gr.Textbox(value, max_lines=1, max_length=40, **words, **NOT_TYPED)

    def typical(self, feature: Feature) -> Any:
        return self.shown(feature["median"])

    def read(self, value: Any) -> Any:
        """What is no number goes to the API as it is, which refuses it in its own words."""
        found, problem = typed.number(str(value or ""))
        return str(value) if problem else found

    def shown(self, value: Any) -> Any:
        return MISSING if value is None else typed.shown(value)

    def note(self, feature: Feature, value: Any) -> tuple[str, str]:
        found, problem = typed.number(str(value or ""))
        return (problem, "air-empty") if problem else Number.note(self, feature, found)


class Category(Words):
    """One of some texts; another one can be typed, as it may come in a real row."""

    def field(self, feature: Feature, value: Any, words: dict[str, Any]) -> Component:
        choices = [(MISSING_WORD, MISSING), *((one, one) for one in _categories(feature))]
        return gr.Dropdown(choices, value=value, allow_custom_value=True, **words)

    def typical(self, feature: Feature) -> Any:
        return next(iter(_categories(feature)), MISSING)

    def note(self, feature: Feature, value: Any) -> tuple[str, str]:
        if self.read(value) is None:
            return WITHOUT, ""
        known = _categories(feature)
        return (f"One of {len(known)}", "") if value in known else ("Not among the training rows", "air-outside")


class Boolean(Words):
    """True, false or missing."""

    def field(self, feature: Feature, value: Any, words: dict[str, Any]) -> Component:  # noqa: ARG002
        return gr.Radio([("yes", TRUE), ("no", FALSE), (MISSING_WORD, MISSING)], value=value, **words)

    def read(self, value: Any) -> Any:
        return {TRUE: True, FALSE: False}.get(value)

    def shown(self, value: Any) -> Any:
        return MISSING if value is None else TRUE if value else FALSE

    def note(self, feature: Feature, value: Any) -> tuple[str, str]:  # noqa: ARG002
        return ("Yes or no" if self.read(value) is not None else WITHOUT), ""


class Day(Words):
    """A date in ISO format."""

    def field(self, feature: Feature, value: Any, words: dict[str, Any]) -> Component:  # noqa: ARG002
        return gr.Textbox(value, max_lines=1, max_length=20, placeholder="YYYY-MM-DD", **words, **NOT_TYPED)

    def read(self, value: Any) -> Any:
        return value.strip() if isinstance(value, str) and value.strip() else None

    def note(self, feature: Feature, value: Any) -> tuple[str, str]:
        day, first, last = self.read(value), feature["min"], feature["max"]
        if day is None:
            return WITHOUT, ""
        try:
            day = date.fromisoformat(day).isoformat()
        except ValueError:
            return f"Not a date: type it like {first or '2026-01-31'}", "air-empty"
        if not first or not last:
            return "Year-month-day", ""
        if not first <= day <= last:
            return f"Outside the training range {first} to {last}", "air-outside"
        return f"{first} to {last}", ""


CELLS: dict[str, Number] = {
    NUMBER: Number(),
    CATEGORY: Category(),
    BOOLEAN: Boolean(),
    TEXT: Words(),
    DATE: Day(),
}
GAP = Gap()


def of(feature: Feature) -> Number:
    """How the values of a column are shown and read."""
    if kind_of(feature) == NUMBER and may_miss(feature):
        return GAP
    return CELLS.get(kind_of(feature), CELLS[TEXT])


def edits(field: Component) -> Any:
    """The event of an edited field. Gradio's text fields only report keys that write a letter as ``input``."""
    return field.change if isinstance(field, gr.Textbox) else field.input


def note_of(feature: Feature, value: Any) -> dict[str, Any]:
    """The line under a field's name, and how the field looks."""
    text, look = of(feature).note(feature, value)
    return {"info": text, "elem_classes": ["air-field", *([look] if look else [])]}


def _categories(feature: Feature) -> list[str]:
    return list(feature.get("categories") or [])
