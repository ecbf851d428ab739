"""The columns of a data set in the form: which are used, what each holds, and its preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from ui.your_data import wanted
from ui.your_data.wanted import Column

# Up to so many columns are all open; more are folded by tens. Those beyond the last keep their suggestion.
OPEN, MOST = 10, 80


@dataclass(frozen=True)
class Line:
    """The fields of one column."""

    column: Column
    use: gr.Checkbox
    kind: gr.Dropdown
    steps: gr.Dropdown

    @property
    def fields(self) -> list[Component]:
        """In the order of ``read``."""
        return [self.use, self.kind, self.steps]


def draw(columns: list[Column]) -> list[Line]:
    """Put a line for each column on the page."""
    shown, lines = columns[:MOST], []
    for start in range(0, len(shown), OPEN):
        part = shown[start : start + OPEN]
        title = "Columns" if len(shown) <= OPEN else f"Columns {start + 1} to {start + len(part)}"
        with gr.Accordion(title, open=len(shown) <= OPEN):
            lines += [_line(column) for column in part]
    return lines


def _line(column: Column) -> Line:
    suggested = column["suggestion"]
    kind = suggested["kind"] or "text"
    with gr.Row(elem_classes="air-column"):
        use = gr.Checkbox(
            suggested["use"], label=column["name"], info=suggested["why"], interactive=True, scale=3, min_width=180
        )
        what = gr.Dropdown(
            wanted.KINDS,
            value=kind,
            label=f"{column['name']} holds",
            filterable=False,
            interactive=True,
            scale=2,
            min_width=130,
        )
        steps = gr.Dropdown(
            _steps(column, kind, suggested["preprocess"]),
            value=list(suggested["preprocess"]),
            multiselect=True,
            label=f"{column['name']}: preprocessing",
            interactive=True,
            scale=3,
            min_width=180,
        )
    what.input(
        lambda kind: gr.update(choices=_steps(column, kind, []), value=[]),
        what,
        steps,
        show_progress="hidden",
        api_visibility="private",
    )
    return Line(column, use, what, steps)


def _steps(column: Column, kind: str, suggested: list[str]) -> list[str]:
    return list(dict.fromkeys([*suggested, *column["steps"].get(kind, [])]))


def read(lines: list[Line], values: list[Any]) -> dict[str, dict[str, Any]]:
    """What a person changed, by column; ``values`` are those of all fields."""
    threes = zip(values[0::3], values[1::3], values[2::3], strict=True)
    found = {
        line.column["name"]: wanted.changes(line.column, use, kind, steps)
        for line, (use, kind, steps) in zip(lines, threes, strict=True)
    }
    return {name: changed for name, changed in found.items() if changed}
