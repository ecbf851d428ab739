"""The form of a table model: a number field for each feature, in the groups that the API gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from ui.kit.words import listed

# Up to so many fields are all open; more are folded into their groups, but for the first.
OPEN = 10

Feature = dict[str, Any]
Example = dict[str, Any]
Values = Sequence[float | None]


def title_of(feature: Feature) -> str:
    """`mean radius (µm)`; a ratio has no unit."""
    return f"{feature['name']} ({feature['unit']})" if feature["unit"] else feature["name"]


def range_of(feature: Feature) -> str:
    """`6.981 – 28.11`."""
    return f"{feature['min']:g} – {feature['max']:g}"


def grouped(features: list[Feature]) -> dict[str, list[Feature]]:
    """The features by the title of their group; those without one in tens."""
    if len(features) <= OPEN and not any(feature["group_title"] for feature in features):
        return {"Values": features}
    groups: dict[str, list[Feature]] = {}
    for place, feature in enumerate(features):
        ten = place - place % OPEN
        untitled = f"Values {ten + 1} to {min(ten + OPEN, len(features))}"
        groups.setdefault(feature["group_title"] or untitled, []).append(feature)
    return groups


def medians(features: list[Feature]) -> list[float]:
    """Typical values."""
    return [feature["median"] for feature in features]


def note_of(feature: Feature, value: float | None) -> dict[str, Any]:
    """The line under a field's name: its range, or what is wrong with its value."""
    if value is None:
        text, look = f"Empty: type a number, say {feature['median']:g}", ["air-empty"]
    elif value < feature["min"]:
        text, look = f"Below the training range {range_of(feature)}", ["air-outside"]
    elif value > feature["max"]:
        text, look = f"Above the training range {range_of(feature)}", ["air-outside"]
    else:
        text, look = range_of(feature), []
    return {"info": text, "elem_classes": ["air-field", *look]}


def empty_text(features: list[Feature]) -> str:
    """One sentence that names the empty fields."""
    names = listed([f"“{title_of(feature)}”" for feature in features])
    return f"{names} {'is' if len(features) == 1 else 'are'} empty. Type a number to get an answer."


class Form:
    """The fields; creating them puts them on the page, with typical values."""

    def __init__(self, features: list[Feature]) -> None:
        self.features = features
        with gr.Row(elem_classes="air-actions"):
            self.load = gr.Button("Load a real row", variant="primary")
            self.reset = gr.Button("Typical values")
        groups = grouped(features)
        self._field: dict[str, gr.Number] = {}
        for place, (title, members) in enumerate(groups.items()):
            opened = place == 0 or len(features) <= OPEN
            with gr.Accordion(title, open=opened), gr.Row(elem_classes="air-fields"):
                for feature in members:
                    self._field[feature["name"]] = _field(feature)
        # In the order of the features, whichever groups they are in.
        self.fields = [self._field[feature["name"]] for feature in features]

    def notes(self, values: Values) -> dict[gr.Number, Any]:
        """A word at each field that needs one."""
        return {
            field: gr.update(**note_of(feature, value))
            for field, feature, value in zip(self.fields, self.features, values, strict=True)
        }

    def filled(self, values: Values) -> dict[gr.Number, Any]:
        """Put values into the fields."""
        notes = self.notes(values).items()
        return {field: note | {"value": value} for (field, note), value in zip(notes, values, strict=True)}


def _field(feature: Feature) -> gr.Number:
    value = feature["median"]
    return gr.Number(
        value,
        label=title_of(feature),
        step=feature["step"],
        min_width=120,
        interactive=True,
        **note_of(feature, value),
    )
