"""FastAPI by hand: the same models behind uvicorn, without Ray.

    PEER_CHECKPOINT=models/pretrained/cifar10 python -m benchmarks.peers.fastapi_server image PORT WORKERS

``POST /predict`` takes a raw picture (``image``) or one JSON row (``table``). With Starlette's own route,
uvloop, httptools and the app's batcher: the fastest configuration that is still FastAPI.
"""

from __future__ import annotations

import sys

import numpy as np
import orjson
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.checkpoint import image_reply, load_model, row_reply
from models.pictures.decode import ImageError, decode
from serve_deployments.predict.batching import GreedyBatcher
from settings import MAX_ROWS

MAX_BATCH = 64
MAX_WAITING = 1_024
# Otherwise a server that was suspended for a while would consider its workers dead.
WORKER_HEALTHCHECK_S = 3600


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def image_app() -> FastAPI:
    """Pictures: decode at once, which is faster than in a thread, forward in the batcher's thread."""
    model = load_model()
    batcher = GreedyBatcher(model.predict, MAX_BATCH, MAX_WAITING)

    async def predict(request: Request) -> Response:
        body = await request.body()
        try:
            image = decode(body, model.size)
        except ImageError as error:
            return _json({"detail": str(error)}, 422)
        probabilities = await batcher.submit(image[np.newaxis])
        return _json(image_reply(model.labels, probabilities[0]))

    return _app(predict)


def table_app() -> FastAPI:
    """Rows: JSON to a matrix, predict in the batcher's thread."""
    model = load_model()
    batcher = GreedyBatcher(model.predict, MAX_ROWS, 4 * MAX_ROWS)

    async def predict(request: Request) -> Response:
        try:
            row = orjson.loads(await request.body())
            matrix = np.array([[row[name] for name in model.features]], dtype=np.float64)
        except (ValueError, KeyError, TypeError) as error:
            return _json({"detail": str(error)}, 422)
        return _json(row_reply(model.labels, (await batcher.submit(matrix))[0]))

    return _app(predict)


def _app(predict: object) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_route("/predict", predict, methods=["POST"])
    return app


if __name__ == "__main__":
    kind, port, workers = sys.argv[1:]
    uvicorn.run(
        f"benchmarks.peers.fastapi_server:{kind}_app",
        factory=True,
        host="127.0.0.1",
        port=int(port),
        workers=int(workers),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_worker_healthcheck=WORKER_HEALTHCHECK_S,
    )
