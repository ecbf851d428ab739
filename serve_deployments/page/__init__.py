"""What stands between a browser and the Gradio page."""
