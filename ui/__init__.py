"""The Gradio front end: a folder a screen, and what the screens share. It knows the API only over HTTP."""
