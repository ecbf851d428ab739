"""The models as the page shows them. They come and go while it is open, so all of this is from the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.kit.updates import offered

IMAGE, TABLE = "image", "table"
BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"


@dataclass(frozen=True)
class Shown:
    """A model's name in the API, its family (image or table), and its words on the page.

    ``kind`` is what a table answers: binary, multiclass or regression. ``positive`` is the class that a binary
    model's probability is about. ``own`` models were added by a person and can be deleted. ``unit`` is that of a
    regression's answer.
    """

    name: str
    family: str
    title: str
    question: str
    notice: str = ""
    positive: str | None = None
    kind: str | None = None
    own: bool = False
    unit: str = ""

    @property
    def thing(self) -> str:
        """What it answers about."""
        return "picture" if self.family == IMAGE else "row"

    def things(self, count: int) -> str:
        """`1 picture`, `118 rows`."""
        return f"{count} {self.thing}{'' if count == 1 else 's'}"


Models = Mapping[str, Shown]


@dataclass(frozen=True)
class News:
    """``come`` changes when a model comes or goes; ``opened`` is the one that another screen leads to."""

    come: gr.State
    opened: gr.State


def shown(name: str, about: Mapping[str, Any]) -> Shown:
    """A model by what the API says about it."""
    kind = about.get("kind") or (None if about["family"] == IMAGE else BINARY if about["positive"] else MULTICLASS)
    return Shown(
        name,
        about["family"],
        about["title"],
        about["question"],
        about.get("notice", ""),
        about["positive"],
        kind,
        about.get("own", False),
        about.get("unit", ""),
    )


def known(models: Models, name: str) -> Shown:
    """A model that may be gone, of which a job is left."""
    return models.get(name) or Shown(name, TABLE, name, "")


def probability_key(answer: Mapping[str, Any]) -> str:
    """The field of an answer, or the column of a result, that has its probability; empty for a number."""
    return next((key for key in answer if key == "probability" or key.startswith("probability_")), "")


def choice(elem_id: str) -> gr.Radio:
    """The choice of any model; ``choices`` fills it."""
    return gr.Radio([], label="Which model?", interactive=True, elem_id=elem_id)


def choices(models: Models, chosen: str | None, first: str = IMAGE) -> Any:
    """What can be chosen now; where ``chosen`` is not among it, one of the family ``first``."""
    ordered = sorted(models.values(), key=lambda model: model.name != chosen and model.family != first)
    best = ordered[0].name if ordered else None
    listed = [(f"{model.title}: {model.question}", model.name) for model in models.values()]
    return gr.update(choices=listed, **({} if chosen in models else {"value": best}))


def picker(elem_id: str) -> gr.Radio:
    """The choice of a model on the screen of its family; ``picks`` fills it."""
    return gr.Radio([], label="Model", interactive=True, visible=False, elem_id=elem_id)


def picks(models: Models, family: str, chosen: str | None) -> Any:
    """The models of a family; hidden while there is only one."""
    listed = [(model.title, model.name) for model in models.values() if model.family == family]
    now = offered(listed, chosen) if listed else gr.update(choices=[], value=None)
    return now | {"visible": len(listed) > 1}


def opened(models: Models, family: str, lead: Mapping[str, Any] | None) -> str | None:
    """The model that another screen leads to, if it is one of the family."""
    name = lead["model"] if lead else ""
    return name if name in models and models[name].family == family else None


def of_family(models: Models, family: str, chosen: str | None) -> Shown | None:
    """The chosen model if it is one of the family, else the first of it."""
    found = [model for model in models.values() if model.family == family]
    return next((model for model in found if model.name == chosen), next(iter(found), None))
