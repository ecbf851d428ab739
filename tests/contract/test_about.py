"""What the API says of itself, so that no client keeps a copy: limits, states, options, figures, refused options."""

from __future__ import annotations

from typing import Any, get_args

import httpx
import pytest

from models import specs
from settings import MAX_IMAGES, MAX_UPLOAD_BYTES
from training import families
from training.jobs.store import ENDED, Kind, State


def test_limits_kinds_and_states_are_those_of_the_server(api: httpx.Client, anyone: httpx.Client) -> None:
    found = api.get("/about").json()
    assert (found["mode"], anyone.get("/about").json()["mode"]) == ("local", "public")
    assert (found["limits"]["images"], found["limits"]["upload_bytes"]) == (MAX_IMAGES, MAX_UPLOAD_BYTES)
    assert [kind["kind"] for kind in found["job_kinds"]] == list(get_args(Kind))
    states = {state["state"]: state for state in found["job_states"]}
    assert list(states) == list(get_args(State))
    assert {name for name, state in states.items() if state["ended"]} == ENDED
    assert not any(state["can_cancel"] and state["can_resume"] for state in states.values())


@pytest.mark.parametrize("name", specs.names())
def test_options_have_words_and_bounds_for_each_kind_of_job(api: httpx.Client, name: str) -> None:
    found = api.get(f"/models/{name}/options").json()
    assert found.pop("name") == name
    for kind, schema in found.items():
        assert set(schema["properties"]) == set(families.options(kind, specs.get(name).family).model_fields)
    seed = found["train"]["properties"]["seed"]
    assert (seed["title"], seed["minimum"], seed["exclusiveMaximum"]) == ("Seed", 0, 2**31)
    assert seed["description"]


def test_options_of_an_unknown_model_are_not_found(api: httpx.Client) -> None:
    assert api.get("/models/mnist/options").status_code == 404


@pytest.mark.parametrize("name", specs.names())
def test_tunable_parameters_have_words(api: httpx.Client, name: str) -> None:
    tunable = api.get(f"/models/{name}/searches").json()["tunable"]
    assert all(parameter["title"] and parameter["description"] for parameter in tunable.values())


@pytest.mark.parametrize("name", specs.names())
def test_model_is_described_with_its_gate_and_the_figures_that_its_evaluation_has(api: httpx.Client, name: str) -> None:
    about = api.get(f"/models/{name}").json()["about"]
    assert about["gate"] == specs.get(name).gate.model_dump()
    figures = api.get(f"/models/{name}/versions/champion/evaluation").json()["validation"]
    for figure in about["figures"]:
        value: Any = figures
        for part in figure["key"].split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        assert isinstance(value, int | float)


@pytest.mark.parametrize(
    ("wanted", "field", "problem"),
    [
        ({"kind": "train", "config": {"max_depth": 0}}, ["max_depth"], "must be at least 1, got '0'"),
        ({"kind": "train", "config": {"depth": 3}}, ["depth"], "is not known here"),
        (
            {"kind": "tune", "config": {"space": {"max_depth": {"type": "int", "low": 0, "high": 4}}}},
            ["space", "max_depth", "low"],
            "must be at least 1, got 0",
        ),
        (
            {"kind": "batch_predict", "config": {"data": "https://a.example/rows.csv"}},
            ["data"],
            "over HTTP it must be an address",
        ),
    ],
)
def test_refused_option_is_named_by_its_path(
    api: httpx.Client, wanted: dict[str, Any], field: list[str], problem: str
) -> None:
    refused = api.post("/jobs", json={"model": "breast-cancer", **wanted})
    assert refused.status_code == 422
    error = refused.json()["error"]
    assert error["detail"]["field"] == field
    assert error["detail"]["problem"].startswith(problem)
    assert error["message"] == f"config.{'.'.join(field)}: {error['detail']['problem']}."
