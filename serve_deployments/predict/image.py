"""A model of the image family as an application: decode → batch → predict → encode."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request

from models.pictures.decode import ImageError, ImageTooLarge, is_large, open_header, pixels
from models.specs import ModelSpec
from serve_deployments.http.errors import Invalid, TooLarge
from serve_deployments.predict.app import AppContext, ModelApp
from serve_deployments.predict.requests import ImageOptions, read_images, read_options
from settings import MAX_REQUEST_PIXELS

MAX_BATCH = 64
MAX_WAITING = 1_024
DECODE_THREADS = 2
SMALL_BYTES, SMALL_PIXELS = 32_768, 65_536


def open_all(pictures: list[bytes]) -> list[Image.Image]:
    """Pictures with their headers read. Raises Invalid or TooLarge for one picture, or for all together."""
    opened = [_named(i, open_header, picture) for i, picture in enumerate(pictures)]
    together = sum(picture.width * picture.height for picture in opened)
    if together > MAX_REQUEST_PIXELS:
        raise TooLarge(
            f"The images have {together / 1e6:.1f} megapixels together; "
            f"send at most {MAX_REQUEST_PIXELS // 1_000_000} in a request."
        )
    return opened


def pixels_of_all(opened: list[Image.Image], size: int, give_up_at: float) -> np.ndarray:
    """uint8 (n, size, size, 3) of opened pictures, which are closed one by one. Raises Invalid naming the picture.

    Raises TimeoutError between two pictures when ``time.monotonic()`` has passed ``give_up_at``: the client
    no longer waits.
    """
    decoded = []
    for i, picture in enumerate(opened):
        if time.monotonic() > give_up_at:
            raise TimeoutError
        decoded.append(_named(i, pixels, picture, size))
    return np.stack(decoded)


def _named(i: int, step: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return step(*arguments)
    except ImageTooLarge as error:
        raise TooLarge(f"Image {i}: {error}") from error
    except ImageError as error:
        raise Invalid(f"Image {i}: {error}") from error


class ImageApp(ModelApp):
    """A model's application; it holds the champion and one torch thread."""

    max_batch, max_waiting = MAX_BATCH, MAX_WAITING

    def __init__(self, spec: ModelSpec, context: AppContext) -> None:
        import torch

        # Two replicas with one thread each answer more than one with two, which slows down under contention.
        torch.set_num_threads(1)
        super().__init__(spec, context)
        self._decoders = ThreadPoolExecutor(DECODE_THREADS, thread_name_prefix="decode")
        # Large pictures are decoded one at a time, so that small ones do not wait behind them.
        self._large = ThreadPoolExecutor(1, thread_name_prefix="decode-large")

    async def read(self, request: Request) -> tuple[list[bytes], ImageOptions]:
        """Encoded pictures and options."""
        options = read_options(ImageOptions, request.query_params)
        if options.explain:
            raise Invalid("explain is not offered for images yet; leave it out.")
        return await read_images(request), options

    def check(self, model: Any, options: ImageOptions) -> None:
        """Raise Invalid when ``top_k`` exceeds the number of classes of the version."""
        if "top_k" in options.model_fields_set and options.top_k > len(model.labels):
            raise Invalid(f"Query option 'top_k' must be at most {len(model.labels)}, got '{options.top_k}'.")

    async def decode(self, model: Any, sent: list[bytes]) -> np.ndarray:
        """Pixels, uint8 (n, size, size, 3): of a small picture at once, of larger ones in a thread."""
        give_up_at = time.monotonic() + self._settings.air_deadline_s
        loop = asyncio.get_running_loop()
        # A thread costs as much as decoding a thumbnail.
        if sum(map(len, sent)) > SMALL_BYTES:
            opened = await loop.run_in_executor(self._decoders, open_all, sent)
        else:
            opened = open_all(sent)
            if sum(picture.width * picture.height for picture in opened) <= SMALL_PIXELS:
                return pixels_of_all(opened, model.size, give_up_at)
        decoders = self._large if any(map(is_large, opened)) else self._decoders
        return await loop.run_in_executor(decoders, pixels_of_all, opened, model.size, give_up_at)


class Replica(ImageApp):
    """Root of the graph of a model of this family: the application as a replica of Serve."""

    async def __init__(self, spec: ModelSpec, shelf: DeploymentHandle) -> None:
        super().__init__(spec, AppContext.of_replica(shelf))
        await self.start()
