"""The table model as an application: rows → matrix → batch → predict → encode.

    serve run serve_deployments.breast_cancer:app --route-prefix /api/breast-cancer

``POST /api/breast-cancer/predict`` and ``/compare``; see ``/api/docs``.
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request

from serve_deployments.http.errors import Invalid
from serve_deployments.predict import scaling
from serve_deployments.predict.app import (
    FEW,
    HEALTH_CHECK_S,
    QUIET,
    REPLICA_CPUS,
    SERVE_MAX_ONGOING,
    AppContext,
    ModelApp,
    shelf_deployment,
)
from serve_deployments.predict.requests import Options, read_json_request, read_options
from settings import LARGEST_NUMBER, MAX_ROWS, get_settings

MAX_BATCH = MAX_ROWS
MAX_WAITING = 4 * MAX_ROWS
MAX_EXPLAINED = 1_000
NUMBERS = {int, float}


def read_rows(content: Any, features: list[str]) -> np.ndarray:
    """float64 (n, features) of one JSON object or a list of them. Raises Invalid naming row and feature."""
    rows = [content] if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise Invalid("The body must be one JSON object with the 30 features, or a list of them.")
    if not 1 <= len(rows) <= MAX_ROWS:
        raise Invalid(f"The request has {len(rows)} rows; send 1 to {MAX_ROWS:,}.")
    values = [_read_row(row, i, features) for i, row in enumerate(rows)]
    try:
        matrix = np.array(values, dtype=np.float64)
    except OverflowError:  # a whole number beyond what a float holds
        matrix = np.full((1, 1), np.inf)
    if not (np.abs(matrix) <= LARGEST_NUMBER).all():
        i, j = next(
            (i, j) for i, row in enumerate(values) for j, value in enumerate(row) if not abs(value) <= LARGEST_NUMBER
        )
        raise Invalid(f"Row {i}: feature {features[j]!r} must be a finite number of ordinary size.")
    return matrix


def _read_row(row: Any, i: int, features: list[str]) -> list[float]:
    if not isinstance(row, dict):
        raise Invalid(f"Row {i} is no JSON object; send the features by name.")
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


def encode(model: Any, rows: np.ndarray, probabilities: np.ndarray, options: Options) -> list[dict[str, Any]]:
    """Predictions as the contract has them, of probabilities of malignant (n,) for rows (n, features)."""
    predictions: list[dict[str, Any]] = [
        {
            "label": label,
            "probability_malignant": float(probability),
            "out_of_range": outside,
        }
        for label, probability, outside in zip(
            model.decide(probabilities), probabilities, model.out_of_range(rows), strict=True
        )
    ]
    if options.explain:
        names = [*model.features, "bias"]
        for prediction, row in zip(predictions, model.contributions(rows), strict=True):
            prediction["contributions"] = dict(zip(names, map(float, row), strict=True))
    return predictions


class TableApp(ModelApp):
    """The table model's application; it holds the champion."""

    name = "breast-cancer"
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
        """Rows, float64 (n, features), in the model's column order; of many in a thread."""
        if isinstance(sent, list) and len(sent) > FEW:
            return await asyncio.to_thread(read_rows, sent, model.features)
        return read_rows(sent, model.features)

    def encode(self, model: Any, inputs: np.ndarray, answers: np.ndarray, options: Options) -> list[dict[str, Any]]:
        """Predictions for rows."""
        return encode(model, inputs, answers, options)


@serve.deployment(
    name="breast-cancer",
    max_ongoing_requests=SERVE_MAX_ONGOING,
    logging_config=QUIET,
    health_check_period_s=HEALTH_CHECK_S,
    ray_actor_options={"num_cpus": REPLICA_CPUS},
)
class TableReplica(TableApp):
    """Root of the table model's graph: the application as a replica of Serve."""

    async def __init__(self, shelf: DeploymentHandle) -> None:
        super().__init__(AppContext.of_replica(shelf))
        await self.start()


_settings = get_settings()
app = TableReplica.options(**scaling.replicas(_settings.air_table_replicas, _settings.air_table_replicas_max)).bind(
    shelf_deployment.options(name="breast-cancer-versions").bind("serve_deployments.predict.table")
)
