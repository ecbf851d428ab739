"""Small pieces that several screens show: boxes, notices, percentages, bars, the code of a call.

Not run by itself. Every text that comes from a server or a file passes `escape`.
"""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from ui.kit.client import IMAGES, TABLE

# The template of HTML whose changes a screen reader announces.
LIVE = '<div role="status">${value}</div>'


def html(value: str = "", **options: Any) -> gr.HTML:
    """HTML that only our own style sheet touches."""
    return gr.HTML(value, apply_default_css=False, **options)


def which_model(value: str, elem_id: str) -> gr.Radio:
    """The choice of a model."""
    return gr.Radio(
        [("Images: what a picture shows", IMAGES), ("Table: malignant or benign", TABLE)],
        value=value,
        label="Which model?",
        interactive=True,
        elem_id=elem_id,
    )


def code_box() -> gr.Code:
    """Folded code with a copy button."""
    with gr.Accordion("Copy this call as Python code", open=False, elem_classes="air-code"):
        return gr.Code(
            language="python",
            label="With requests",
            interactive=False,
            wrap_lines=True,
            show_line_numbers=False,
            lines=1,
            buttons=["copy"],
        )


def card(title: str, body: str) -> str:
    """A titled box whose changes a screen reader announces; `body` is HTML."""
    return f'<section class="air-card"><h3>{escape(title)}</h3><div aria-live="polite">{body}</div></section>'


def notice(text: str, kind: str = "info") -> str:
    """A sentence set apart. Kinds: info, warning, problem, good."""
    return f'<p class="air-notice air-{kind}">{escape(text)}</p>'


def quiet(text: str) -> str:
    """A sentence in the background."""
    return f'<p class="air-quiet">{escape(text)}</p>'


def percent(share: float) -> str:
    """`0.1234` as `12.3 %`; never rounds an uncertain answer up to certainty."""
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"


def answered_by(reply: dict) -> str:
    """Which model and version answered, and how long it took."""
    model = reply["model"]
    return quiet(f"{model['name']}, version {model['version']} · answered in {reply['latency_ms']:.1f} ms")


def png(encoded: str) -> str:
    """The address of a picture that is here as base64."""
    return f"data:image/png;base64,{escape(encoded)}"


def bars(choices: list[dict[str, Any]]) -> str:
    """The most probable classes, each with a bar."""
    rows = "".join(
        f'<li><span class="air-name">{escape(choice["label"])}</span>'
        f'<span class="air-track"><span class="air-fill" style="width:{choice["probability"]:.2%}"></span></span>'
        f'<span class="air-value">{percent(choice["probability"])}</span></li>'
        for choice in choices
    )
    return f'<ol class="air-bars" aria-label="Most probable classes">{rows}</ol>'


def an(noun: str) -> str:
    """`a cat`, `an airplane`."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
