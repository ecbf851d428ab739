"""What the page knows of a model when it is built; the rest comes from the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

IMAGE, TABLE = "image", "table"


@dataclass(frozen=True)
class Shown:
    """A model's name in the API, its family (image or table), and its words on the page.

    ``positive`` is the class that a table's probability is about, None where it has more than two classes;
    ``probability`` is the field of an answer that has it.
    """

    name: str
    family: str
    title: str
    question: str
    notice: str = ""
    positive: str | None = None
    probability: str = "probability"

    @property
    def thing(self) -> str:
        """What it answers about."""
        return "picture" if self.family == IMAGE else "row"

    def things(self, count: int) -> str:
        """`1 picture`, `118 rows`."""
        return f"{count} {self.thing}{'' if count == 1 else 's'}"


def choice(models: Sequence[Shown], elem_id: str, first: str = IMAGE) -> gr.Radio:
    """The choice of a model; it begins with one of the family `first`, if there is one."""
    chosen = next((model for model in models if model.family == first), models[0])
    return gr.Radio(
        [(f"{model.title}: {model.question}", model.name) for model in models],
        value=chosen.name,
        label="Which model?",
        interactive=True,
        elem_id=elem_id,
    )
