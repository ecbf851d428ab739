"""LitServe: the same image model behind its batching, in its strongest configuration.

    PEER_CHECKPOINT=models/pretrained/cifar10 python -m benchmarks.peers.litserve_server PORT WORKERS

``POST /predict`` takes a raw picture.
"""

# LitServe reads the annotations of ``decode_request`` at run time: ``from __future__ import annotations``
# would turn them into strings.
import sys
from typing import Annotated

import litserve
import numpy as np
from fastapi import Body

from benchmarks.peers.checkpoint import image_reply, load_model
from models.pictures.decode import decode

MAX_BATCH = 32
# Of 2, 5, 10 and 20 ms, the one with the most answers a second at 32 connections.
BATCH_TIMEOUT_S = 0.01


# With a typed reply FastAPI writes the JSON by its fast path.
Reply = dict[str, list[dict[str, str | float]]]


class ImageApi(litserve.LitAPI):
    """Pictures: decode and forward in a worker process."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Load the model in this worker."""
        self.model = load_model()

    # The body is a parameter of type bytes, because LitServe parses the body of a Request as JSON.
    def decode_request(self, request: Annotated[bytes, Body()]) -> np.ndarray:
        """Pixels of one picture."""
        return decode(request, self.model.size)

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        """One array of a batch of pictures."""
        return np.stack(inputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes)."""
        return self.model.predict(x)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        """A row for each picture."""
        return list(output)

    def encode_response(self, output: np.ndarray) -> Reply:
        """The reply to one picture."""
        return image_reply(self.model.labels, output)


def main(port: int, workers: int) -> None:
    """Serve until killed."""
    # Without fast_queue: LitServe 0.2.19 passes it under a name that its own transport does not read. One API
    # server per worker was faster than one for all.
    server = litserve.LitServer(
        ImageApi(max_batch_size=MAX_BATCH, batch_timeout=BATCH_TIMEOUT_S),
        accelerator="cpu",
        workers_per_device=workers,
    )
    server.run(
        host="127.0.0.1",
        port=port,
        num_api_servers=workers,
        log_level="warning",
        generate_client_file=False,
        loop="uvloop",
        http="httptools",
        access_log=False,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
