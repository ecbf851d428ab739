"""Small pieces that several screens show: HTML, notices, the code of a call."""

from __future__ import annotations

from typing import Any

import gradio as gr
from markupsafe import Markup, escape

from ui.kit.templates import macro, render

# The template of HTML whose changes a screen reader announces.
LIVE = '<div role="status">${value}</div>'


def html(value: str = "", **options: Any) -> gr.HTML:
    """HTML that only our own style sheet touches."""
    return gr.HTML(value, apply_default_css=False, **options)


def code_box() -> gr.Code:
    """Folded code with a copy button."""
    with gr.Accordion("Copy this call as Python code", open=False, elem_classes="air-code"):
        return python("With requests")


def python(label: str, **options: Any) -> gr.Code:
    """Python code to read, with a copy button."""
    return gr.Code(
        language="python",
        label=label,
        interactive=False,
        wrap_lines=True,
        show_line_numbers=False,
        lines=1,
        buttons=["copy"],
        **options,
    )


def card(title: str, body: Markup) -> Markup:
    """A titled box whose changes a screen reader announces."""
    return render("kit/card.html", title=title, body=body)


def notice(text: str, kind: str = "info") -> Markup:
    """A sentence set apart. Kinds: info, warning, problem, good."""
    return macro("kit/cards.html", "notice", text, kind)


def quiet(text: str) -> Markup:
    """A sentence in the background."""
    return macro("kit/cards.html", "quiet", text)


def png(encoded: str) -> str:
    """The address of a picture that is here as base64."""
    return f"data:image/png;base64,{escape(encoded)}"
