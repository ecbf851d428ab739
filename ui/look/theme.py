"""How the page looks: theme, style sheet and the tags for the page's head.

Gradio 6 takes them where the page is launched or mounted, not in Blocks(). Fonts are the system's own: the page
requests nothing from another host.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

THEME = gr.themes.Base(
    primary_hue="blue",
    secondary_hue="blue",
    neutral_hue="slate",
    font=["Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"],
    font_mono=["SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace"],
).set(
    body_background_fill="*neutral_50",
    body_background_fill_dark="#0d1320",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_background_fill="#ffffff",
    block_background_fill_dark="#151d2e",
    block_border_color="*neutral_200",
    block_border_color_dark="#2a3550",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    block_label_text_color="*neutral_700",
    block_label_text_color_dark="*neutral_200",
    block_title_text_color="*body_text_color",
    block_title_text_color_dark="*body_text_color",
    block_radius="12px",
    border_color_primary="*neutral_300",
    border_color_primary_dark="#33405e",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_hover_dark="*primary_600",
    button_primary_text_color="#ffffff",
    button_primary_text_color_dark="#ffffff",
    input_background_fill="#ffffff",
    input_background_fill_dark="#0f1726",
    input_border_width="1px",
    input_padding="8px 10px",
    input_border_color="*neutral_400",
    input_border_color_dark="#4a5878",
)

FOLDER = Path(__file__).parent
CSS = (FOLDER / "style.css").read_text(encoding="utf-8")
