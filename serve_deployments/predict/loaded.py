"""Versions in memory: the champion of a replica, and a shelf that answers for the others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from models import catalog
from models.artifact import storage
from models.tensors import Tensors
from serve_deployments.predict.batching import GreedyBatcher
from serve_deployments.predict.requests import Options
from settings import Settings, get_settings

SHELF_SIZE = 2


@dataclass
class Loaded:
    """A version in this replica's memory, with the batches that wait for it."""

    version: str
    model: Any
    batcher: GreedyBatcher
    tensors: Tensors
    users: int = 0

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count a request that began with this version, until its answer is made."""
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1


def encode(model: Any, inputs: np.ndarray, answers: np.ndarray, options: Options) -> list[dict[str, Any]]:
    """Predictions in the form of the API, one for each input."""
    return model.encode(inputs, answers, **options.encoding())


def load_to_serve(source: str, settings: Settings) -> Any:
    """The model at ``source``, with the backend that answers fastest here. Raises CheckpointError."""
    return catalog.load_to_serve(storage.fetch(source, settings), settings)


class VersionShelf:
    """Answers for versions other than the champion; keeps the most recently used ones."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or get_settings()
        self._models: OrderedDict[str, Any] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shelf")

    async def answer(self, source: str, inputs: Any, options: Any) -> list[dict[str, Any]]:
        """Predictions of the version at ``source``, by the same code as the champion's. Raises CheckpointError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, source, inputs, options)

    def _answer(self, source: str, inputs: Any, options: Any) -> list[dict[str, Any]]:
        if source not in self._models:
            self._models[source] = load_to_serve(source, self._settings)
            if len(self._models) > SHELF_SIZE:
                self._models.popitem(last=False)
        self._models.move_to_end(source)
        model = self._models[source]
        return encode(model, inputs, model.predict(inputs), options)
