"""The form of a table model: a field for each feature, by its kind, in the groups that the API gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from ui.kit.words import listed
from ui.predict import cells
from ui.predict.cells import Feature

# Up to so many fields are all open; more are folded into their groups, but for the first.
OPEN = 10

Example = dict[str, Any]
Values = Sequence[Any]


def title_of(feature: Feature) -> str:
    """`mean radius (µm)`; a ratio has no unit."""
    return f"{feature['name']} ({feature['unit']})" if feature["unit"] else feature["name"]


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


def typical(features: list[Feature]) -> list[Any]:
    """What the fields begin with where no real row is there: medians, the most frequent categories."""
    return [cells.of(feature).typical(feature) for feature in features]


def has_typical(features: list[Feature]) -> bool:
    """Whether there is such a value for each of them."""
    return all(cells.kind_of(feature) == cells.NUMBER for feature in features)


def empty_text(features: list[Feature]) -> str:
    """One sentence that names the empty fields that need a number."""
    names = listed([f"“{title_of(feature)}”" for feature in features])
    return f"{names} {'is' if len(features) == 1 else 'are'} empty. Type a number to get an answer."


def row_of(features: list[Feature], values: Values) -> tuple[dict[str, Any], list[Feature]]:
    """The row that the fields say, and the features that lack a value without which there is no answer."""
    row = {feature["name"]: cells.of(feature).read(value) for feature, value in zip(features, values, strict=True)}
    return row, [feature for feature in features if row[feature["name"]] is None and not cells.may_miss(feature)]


def values_of(features: list[Feature], row: dict[str, Any]) -> list[Any]:
    """The same the other way round."""
    return [cells.of(feature).shown(row.get(feature["name"])) for feature in features]


class Form:
    """The fields; creating them puts them on the page, with these values."""

    def __init__(self, features: list[Feature], values: Values) -> None:
        self.features = features
        with gr.Row(elem_classes="air-actions"):
            self.load = gr.Button("Load a real row", variant="primary")
            self.reset = gr.Button("Typical values", visible=has_typical(features))
        groups = grouped(features)
        start = dict(zip((feature["name"] for feature in features), values, strict=True))
        fields: dict[str, Component] = {}
        for place, (title, members) in enumerate(groups.items()):
            opened = place == 0 or len(features) <= OPEN
            with gr.Accordion(title, open=opened), gr.Row(elem_classes="air-fields"):
                for feature in members:
                    fields[feature["name"]] = _field(feature, start[feature["name"]])
        # In the order of the features, whichever groups they are in.
        self.fields = [fields[feature["name"]] for feature in features]

    def notes(self, values: Values) -> dict[Component, Any]:
        """A word at each field that needs one."""
        return {
            field: gr.update(**cells.note_of(feature, value))
            for field, feature, value in zip(self.fields, self.features, values, strict=True)
        }

    def filled(self, values: Values) -> dict[Component, Any]:
        """Put values into the fields."""
        notes = self.notes(values).items()
        return {field: note | {"value": value} for (field, note), value in zip(notes, values, strict=True)}


def _field(feature: Feature, value: Any) -> Component:
    words = {"label": title_of(feature), "interactive": True, "min_width": 120}
    return cells.of(feature).field(feature, value, words | cells.note_of(feature, value))
