"""The guard between browsers and the Gradio page."""
