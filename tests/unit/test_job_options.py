"""The options of a job in the page's forms: their words and bounds come from the API's JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest

from training.runs.config import TrainImages, TrainTable
from training.tuning.config import TuneTable
from ui.jobs import options
from ui.kit.client import ApiError


@pytest.mark.parametrize(
    ("schema", "name", "bounds"),
    [
        (TrainImages, "epochs", "1 to 500."),
        (TrainTable, "learning_rate", "Above 0, at most 1."),
        (TrainTable, "seed", "At least 0, below 2,147,483,648."),
        (TrainTable, "data", ""),
    ],
)
def test_bounds_are_read_from_the_schema(schema: Any, name: str, bounds: str) -> None:
    option = schema.model_json_schema()["properties"][name]
    assert options.bounds(option) == bounds
    assert options.help_of(option).endswith(bounds)


def test_time_limit_is_asked_for_in_minutes() -> None:
    option = options.in_minutes(TuneTable.model_json_schema()["properties"]["time_budget_s"])
    assert (option["title"], options.bounds(option)) == ("Time limit (minutes)", "Above 0, at most 10,080.")


def test_refused_option_is_read_from_the_detail_and_not_from_the_sentence() -> None:
    detail = {"field": ["space", "max_depth"], "problem": "low is 8"}
    assert options.refused(ApiError("any sentence", detail=detail)) == (["space", "max_depth"], "low is 8")
    assert options.refused(ApiError("config.seed: any sentence")) == ([], "config.seed: any sentence")
    assert options.refused(ApiError("a replica", detail={"replicas": []})) == ([], "a replica")
