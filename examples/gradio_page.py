"""A Gradio page for a model, in twenty lines.

The chapter: ``gradio.Interface`` around a function, and Serve's ``GradioIngress`` to put it on a cluster. Today: the
interface is the same; ``gradio.mount_gradio_app`` makes a page part of any FastAPI application, as Serve's ingress is.
Look at: a program gets the same answer from the page as a browser. With ``--stay`` it waits for yours.
"""

import sys
from pathlib import Path

import gradio as gr
import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

from models import specs
from models.image.model import ImageModel
from settings import ROOT
from training.datasets import pictures

FILE = Path("gradio_page.png")


def build_page() -> gr.Interface:
    """A picture in, the three most probable labels out."""
    model = ImageModel.load(ROOT / "models" / "pretrained" / "cifar10")

    def answer(picture: Image.Image) -> dict[str, float]:
        pixels = np.asarray(picture.convert("RGB").resize((model.size, model.size)))
        return dict(zip(model.labels, map(float, model.predict(pixels[None])[0]), strict=True))

    shown = gr.Image(type="pil", label="A picture"), gr.Label(num_top_classes=3, label="What it shows")
    return gr.Interface(answer, *shown, title="CIFAR-10", flagging_mode="never", api_name="answer")


def main() -> None:
    """Start the page, ask it as a program does, and end it."""
    page = build_page()
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    print(f"the page: {url}", flush=True)
    spec = specs.get("cifar10")
    example = pictures.read_examples(spec)
    Image.fromarray(example.decoded()[0]).save(FILE)
    answer = Client(url, verbose=False).predict(handle_file(FILE), api_name="/answer")
    shares = ", ".join(f"{one['label']} {one['confidence']:.3f}" for one in answer["confidences"])
    print(f"asked for a picture of a {spec.data.labels[example.labels[0]]}: {shares}", flush=True)
    if "--stay" in sys.argv:
        page.block_thread()
    page.close(verbose=False)


if __name__ == "__main__":
    main()
