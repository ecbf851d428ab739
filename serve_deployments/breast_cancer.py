"""The table model as an application: rows → matrix → batch → predict → encode.

    serve run serve_deployments.breast_cancer:app --route-prefix /api/breast-cancer

``POST /api/breast-cancer/predict`` and ``/compare``; see ``/api/docs``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request

from serve_deployments.batching import GreedyBatcher
from serve_deployments.errors import Invalid
from serve_deployments.model_app import MAX_ONGOING, REPLICA_CPUS, ModelApp, VersionShelf
from serve_deployments.requests import Options, read_json_request, read_options
from settings import MAX_ROWS, get_settings

MAX_BATCH = MAX_ROWS
MAX_WAITING = 4 * MAX_ROWS


def read_rows(content: Any, features: list[str]) -> np.ndarray:
    """float64 (n, features) of one JSON object or a list of them. Raises Invalid naming row and feature."""
    rows = [content] if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise Invalid("The body must be one JSON object with the 30 features, or a list of them.")
    if not 1 <= len(rows) <= MAX_ROWS:
        raise Invalid(f"The request has {len(rows)} rows; send 1 to {MAX_ROWS:,}.")
    return np.array([_read_row(row, i, features) for i, row in enumerate(rows)], dtype=np.float64)


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
    for name, value in zip(features, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Invalid(f"Row {i}: feature {name!r} must be a number, not {_kind(value)}.")
        if not math.isfinite(value) or abs(value) > 1e30:
            raise Invalid(f"Row {i}: feature {name!r} must be a finite number of ordinary size.")
    return values


def _expected(features: list[str]) -> dict[str, list[str]]:
    return {"features": features}


def _kind(value: Any) -> str:
    kinds = {str: "text", type(None): "null", bool: "true or false", list: "a list", dict: "an object"}
    return kinds.get(type(value), "something else")


def answer(model: Any, rows: np.ndarray, probabilities: np.ndarray, options: Options) -> list[dict[str, Any]]:
    """Predictions as the contract has them, of probabilities of malignant (n,) for rows (n, features)."""
    malignant, benign = model.labels
    predictions: list[dict[str, Any]] = [
        {
            "label": malignant if probability >= 0.5 else benign,
            "probability_malignant": float(probability),
            "out_of_range": outside,
        }
        for probability, outside in zip(probabilities, model.out_of_range(rows), strict=True)
    ]
    if options.explain:
        names = [*model.features, "bias"]
        for prediction, row in zip(predictions, model.contributions(rows), strict=True):
            prediction["contributions"] = dict(zip(names, map(float, row), strict=True))
    return predictions


@serve.deployment(
    name="breast-cancer",
    max_ongoing_requests=MAX_ONGOING,
    max_queued_requests=MAX_ONGOING,
    ray_actor_options={"num_cpus": REPLICA_CPUS},
)
class TableApp(ModelApp):
    """Root of the table model's graph; each replica holds the champion."""

    name = "breast-cancer"

    async def __init__(self, shelf: DeploymentHandle) -> None:
        super().__init__(shelf)
        await self.start()
        self._batcher = GreedyBatcher(self.model.predict, MAX_BATCH, MAX_WAITING)

    async def read(self, request: Request) -> tuple[np.ndarray, Options]:
        """Rows in the model's column order, and options."""
        options = read_options(Options, request.query_params)
        return read_rows(await read_json_request(request), self.model.features), options

    async def answer(self, inputs: np.ndarray, options: Options) -> list[dict[str, Any]]:
        """The champion's predictions for rows."""
        return answer(self.model, inputs, await self._batcher.submit(inputs), options)


app = TableApp.options(num_replicas=get_settings().air_table_replicas).bind(
    VersionShelf.options(name="breast-cancer-versions").bind("serve_deployments.breast_cancer")
)
