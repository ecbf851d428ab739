"""The Gradio front end: one screen a file. It knows the API only over HTTP."""
