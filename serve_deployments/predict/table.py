"""A model of the table family as an application: rows → matrix → batch → predict → encode."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request

from models.specs import ModelSpec
from serve_deployments.http.errors import Invalid
from serve_deployments.predict.app import FEW, AppContext, ModelApp
from serve_deployments.predict.requests import Options, read_json_request, read_options
from settings import FINITE, LARGEST_NUMBER, MAX_ROWS

MAX_BATCH = MAX_ROWS
MAX_WAITING = 4 * MAX_ROWS
MAX_EXPLAINED = 1_000
NUMBERS = {int, float}


def read_rows(content: Any, features: list[str]) -> np.ndarray:
    """float64 (n, features) of one JSON object or a list of them. Raises Invalid naming row and feature."""
    rows = [content] if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise Invalid(f"The body must be one JSON object with the {len(features)} features, or a list of them.")
    if not 1 <= len(rows) <= MAX_ROWS:
        raise Invalid(f"The request has {len(rows)} rows; send 1 to {MAX_ROWS:,}.")
    values = [_read_row(row, i, features) for i, row in enumerate(rows)]
    try:
        matrix = np.array(values, dtype=np.float64)
    except OverflowError:  # an integer too large for a float
        matrix = np.full((1, 1), np.inf)
    if not (np.abs(matrix) <= LARGEST_NUMBER).all():
        i, j = next(
            (i, j) for i, row in enumerate(values) for j, value in enumerate(row) if not abs(value) <= LARGEST_NUMBER
        )
        raise Invalid(f"Row {i}: feature {features[j]!r} must be {FINITE}.")
    return matrix


def _read_row(row: Any, i: int, features: list[str]) -> list[float]:
    if not isinstance(row, dict):
        raise Invalid(f"Row {i} is not a JSON object; send the features by name.")
    try:
        values = [row[name] for name in features]
    except KeyError as error:
        raise Invalid(f"Row {i}: feature {error.args[0]!r} is missing.", _expected(features)) from None
    if len(row) != len(features):
        extra = next(name for name in row if name not in features)
        raise Invalid(f"Row {i}: there is no feature {extra[:80]!r}.", _expected(features))
    if not NUMBERS.issuperset(map(type, values)):
        name, value = next(pair for pair in zip(features, values, strict=True) if type(pair[1]) not in NUMBERS)
        raise Invalid(f"Row {i}: feature {name!r} must be a number, not {_kind(value)}.")
    return values


def _expected(features: list[str]) -> dict[str, list[str]]:
    return {"features": features}


def _kind(value: Any) -> str:
    kinds = {str: "text", type(None): "null", bool: "true or false", list: "a list", dict: "an object"}
    return kinds.get(type(value), "something else")


class TableApp(ModelApp):
    """A model's application; it holds the champion."""

    max_batch, max_waiting = MAX_BATCH, MAX_WAITING

    async def read(self, request: Request) -> tuple[Any, Options]:
        """Parsed JSON and options."""
        options = read_options(Options, request.query_params)
        sent = await read_json_request(request)
        if options.explain and isinstance(sent, list) and len(sent) > MAX_EXPLAINED:
            raise Invalid(
                f"The request has {len(sent)} rows; with explain, send at most {MAX_EXPLAINED:,}, or leave it out."
            )
        return sent, options

    async def decode(self, model: Any, sent: Any) -> np.ndarray:
        """Rows, float64 (n, features), in the model's column order; many rows are converted in a thread."""
        if isinstance(sent, list) and len(sent) > FEW:
            return await asyncio.to_thread(read_rows, sent, model.features)
        return read_rows(sent, model.features)


class Replica(TableApp):
    """Root of the graph of a model of this family: the application as a replica of Serve."""

    async def __init__(self, spec: ModelSpec, shelf: DeploymentHandle) -> None:
        super().__init__(spec, AppContext.of_replica(shelf))
        await self.start()
