"""A model of the table family as an application: rows → matrix → batch → predict → encode."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request

from models.specs import ModelSpec
from models.table.features import WANTED, Feature, as_rows
from serve_deployments.http.errors import Invalid
from serve_deployments.predict.app import FEW, AppContext, ModelApp
from serve_deployments.predict.requests import Options, read_json_request, read_options
from settings import LARGEST_NUMBER, MAX_ROWS

MAX_BATCH = MAX_ROWS
MAX_WAITING = 4 * MAX_ROWS
MAX_EXPLAINED = 1_000
NUMBERS = {int, float}


def read_rows(content: Any, features: list[Feature], gaps: bool) -> np.ndarray:
    """Rows (n, features) of one JSON object or a list of them, in the form of a model's ``predict``.

    ``gaps``: values may be null or left out. Raises Invalid naming row and feature.
    """
    rows = [content] if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise Invalid(f"The body must be one JSON object with the {len(features)} features, or a list of them.")
    if not 1 <= len(rows) <= MAX_ROWS:
        raise Invalid(f"The request has {len(rows)} rows; send 1 to {MAX_ROWS:,}.")
    names = [feature.name for feature in features]
    values = [_read_row(row, i, names, gaps) for i, row in enumerate(rows)]
    matrix = _numbers(values) if all(feature.kind == "number" for feature in features) else None
    if matrix is not None:
        return matrix
    return as_rows([_read_column(values, i, feature, gaps) for i, feature in enumerate(features)], features)


def _read_row(row: Any, i: int, names: list[str], gaps: bool) -> list[Any]:
    if not isinstance(row, dict):
        raise Invalid(f"Row {i} is not a JSON object; send the features by name.")
    try:
        values = list(map(row.get, names)) if gaps else [row[name] for name in names]
    except KeyError as error:
        raise Invalid(f"Row {i}: feature {error.args[0]!r} is missing.", {"features": names}) from None
    if len(row) > len(names) or not row.keys() <= set(names):
        extra = next(name for name in row if name not in names)
        raise Invalid(f"Row {i}: there is no feature {extra[:80]!r}.", {"features": names})
    if gaps and not any(value is not None for value in values):
        raise Invalid(f"Row {i} has no value; send at least one of the features.", {"features": names})
    return values


def _numbers(values: list[list[Any]]) -> np.ndarray | None:
    """float64 of rows that are numbers alone, the usual case; None for any other value."""
    if not all(map(NUMBERS.issuperset, (map(type, row) for row in values))):
        return None
    try:
        matrix = np.array(values, dtype=np.float64)
    except OverflowError:  # an integer too large for a float
        return None
    return matrix if (np.abs(matrix) <= LARGEST_NUMBER).all() else None


def _read_column(values: list[list[Any]], place: int, feature: Feature, gaps: bool) -> np.ndarray:
    read = []
    for i, row in enumerate(values):
        try:
            if row[place] is None and not gaps:
                raise ValueError(f"must be {WANTED[feature.kind]}, not null")
            read.append(feature.value(row[place]))
        except ValueError as error:
            raise Invalid(f"Row {i}: feature {feature.name!r} {error}.") from None
    return np.array(read, dtype=np.float64 if feature.is_numeric else object)


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
        """Rows (n, features), in the model's column order; many rows are converted in a thread."""
        if isinstance(sent, list) and len(sent) > FEW:
            return await asyncio.to_thread(read_rows, sent, model.described, model.takes_gaps)
        return read_rows(sent, model.described, model.takes_gaps)


class Replica(TableApp):
    """Root of the graph of a model of this family: the application as a replica of Serve."""

    async def __init__(self, spec: ModelSpec, shelf: DeploymentHandle) -> None:
        super().__init__(spec, AppContext.of_replica(shelf))
        await self.start()
