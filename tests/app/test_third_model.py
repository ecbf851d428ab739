"""A model that a user added has everything that the shipped ones have, without a line of code.

One was added as a spec and a CSV before the start, another comes over HTTP while the app runs, and goes again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from benchmarks.harness.running_app import RunningApp
from tests.helpers.clients.jobs import Jobs
from tests.helpers.clients.load import Load
from tests.helpers.clients.promotions import assert_no_request_is_dropped
from tests.helpers.clients.screens import button
from tests.helpers.samples.wine import NEGATIVE, POSITIVE, table

FIELD = f"probability_{POSITIVE}"


@pytest.fixture(scope="module")
def first(app: RunningApp, api: str) -> dict[str, Any]:
    """The job that trained the first version."""
    state = requests.get(f"{api}/models/wine").json()
    assert (state["versions"], state["labels"], state["about"]["title"]) == ([], [], "Wine")
    refused = requests.post(f"{api}/wine/predict", json={})
    assert refused.status_code == 503
    assert refused.json()["error"]["message"] == "wine has no version yet; train one."
    return _done(app, "train", {"num_boost_round": 30})


def _done(app: RunningApp, kind: str, config: dict[str, Any], model: str = "wine") -> dict[str, Any]:
    jobs = Jobs(app, requests.Session())
    reply = jobs.post(kind=kind, model=model, config=config)
    assert reply.status_code == 202, reply.text
    job = jobs.wait_until_ended(reply.json()["id"])
    assert job["state"] == "succeeded", (job["error"], jobs.log(job["id"]))
    return job


def _examples(api: str, model: str = "wine") -> list[dict[str, Any]]:
    return requests.get(f"{api}/models/{model}/examples", params={"n": 20, "seed": 0}).json()["examples"]


def test_first_version_is_champion_and_answers_over_http(api: str, first: dict[str, Any]) -> None:
    assert first["result"]["version"] == "1"
    assert first["config"]["scaled_columns"] == ["alcohol"]
    examples = _examples(api)
    reply = requests.post(f"{api}/wine/predict?explain=true", json=[example["row"] for example in examples]).json()
    assert reply["model"] == {"name": "wine", "version": "1"}
    pairs = zip(reply["predictions"], examples, strict=True)
    assert sum(answer["label"] == example["label"] for answer, example in pairs) >= 18
    for answer in reply["predictions"]:
        assert answer["label"] == (POSITIVE if answer[FIELD] >= 0.5 else NEGATIVE)
        assert set(answer["contributions"]) == {*examples[0]["row"], "bias"}


def test_features_and_documentation_are_its_own(api: str, first: dict[str, Any]) -> None:
    features = requests.get(f"{api}/models/wine/features").json()["features"]
    assert len(features) == 13
    alcohol = next(feature for feature in features if feature["name"] == "alcohol")
    assert (alcohol["unit"], alcohol["group"]) == ("%", "chemistry")
    documented = requests.get(f"{api}/openapi.json").json()
    assert FIELD in documented["components"]["schemas"]["WinePrediction"]["properties"]
    body = documented["paths"]["/wine/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["oneOf"][0]["properties"]) == {feature["name"] for feature in features}


def test_promotion_goes_through_its_own_gate(app: RunningApp, api: str, first: dict[str, Any]) -> None:
    trained = _done(app, "train", {"num_boost_round": 40, "max_depth": 2})
    version = trained["result"]["version"]
    promoted = requests.post(f"{api}/models/wine/promote", json={"version": version})
    assert promoted.status_code == 200, promoted.text
    assert {replica["version"] for replica in promoted.json()["serving"]} == {version}
    row = _examples(api)[0]["row"]
    asked = {each: requests.post(f"{api}/wine/predict?version={each}", json=row).json() for each in ("1", version)}
    answers = {each: _probability(reply) for each, reply in asked.items()}
    assert len(set(answers.values())) == 2
    assert_no_request_is_dropped(api, "wine", answers, _probability, connections=8, json=row)
    counted = requests.get(f"{api}/metrics").text
    assert re.search(r'^air_requests_total\{[^}]*model="wine"', counted, re.M)


def _probability(reply: dict[str, Any]) -> float:
    return reply["predictions"][0][FIELD]


def test_open_inference_protocol_has_its_shape(api: str, first: dict[str, Any]) -> None:
    described = requests.get(f"{api}/v2/models/wine").json()
    assert described["inputs"] == [{"name": "rows", "datatype": "FP64", "shape": [-1, 13]}]
    assert [output["name"] for output in described["outputs"]] == [FIELD, "labels"]
    row = _examples(api)[0]["row"]
    tensor = {"name": "rows", "datatype": "FP64", "shape": [1, 13], "data": list(row.values())}
    inferred = requests.post(f"{api}/v2/models/wine/infer", json={"inputs": [tensor]}).json()["outputs"]
    asked = requests.post(f"{api}/wine/predict", json=row).json()["predictions"][0]
    assert [output["data"] for output in inferred] == [[pytest.approx(asked[FIELD])], [asked["label"]]]


def test_batch_prediction_answers_its_test_set(app: RunningApp, api: str, first: dict[str, Any]) -> None:
    job = _done(app, "batch_predict", {})
    assert (job["result"]["rows"], job["result"]["errors"]) == (26, 0)
    assert job["result"]["right"] >= 23
    rows = requests.get(f"{api}/jobs/{job['id']}/rows").json()
    assert {"label", FIELD, "out_of_range", "truth", "alcohol"} <= set(rows["columns"])


def test_study_finds_parameters_for_it(app: RunningApp, first: dict[str, Any]) -> None:
    space = {"max_depth": {"type": "int", "low": 1, "high": 4}}
    job = _done(app, "tune", {"num_samples": 2, "space": space})
    assert job["result"]["trials"] == 2
    assert 1 <= job["result"]["config"]["max_depth"] <= 4


def test_page_asks_it_with_fields_of_its_own(
    open_page: Callable[..., Page], app: RunningApp, api: str, first: dict[str, Any]
) -> None:
    page = open_page(app.url)
    page.get_by_role("tab", name="Table").click()
    page.locator("#air-table-model").get_by_role("radio", name="Wine").check()
    expect(page.get_by_role("heading", name="Which grape is this wine made of?")).to_be_visible()
    expect(page.get_by_label("alcohol (%)", exact=True)).to_be_visible()
    button(page, "Load a real row").click()
    expect(page.locator(".air-verdict")).to_have_text(re.compile(f"{POSITIVE}|{NEGATIVE}"))
    expect(page.get_by_text(f"Probability of {POSITIVE}:")).to_be_visible()
    page.get_by_role("tab", name="Retrain").click()
    page.get_by_role("radio", name="Wine: Which grape is this wine made of?").check()
    expect(page.locator("#air-now")).to_contain_text(re.compile(r"Version \d+ is the champion"))
    expect(page.locator("#air-preset")).to_contain_text("Boosted trees")


def test_model_comes_and_goes_over_http_while_another_answers(app: RunningApp, api: str) -> None:
    shipped = _examples(api, "breast-cancer")[0]["row"]
    with Load(f"{api}/breast-cancer/predict", 1, pause=0.05, json=shipped) as load:
        sent = {"file": ("vines.csv", table().to_csv(index=False), "text/csv")}
        dataset = requests.post(f"{api}/datasets", params={"family": "table"}, files=sent).json()["dataset"]
        wanted = {"name": "vine", "dataset": dataset, "target": "grape", "positive": "1", "title": "Vines"}
        added = requests.post(f"{api}/models", json=wanted)
        assert added.status_code == 201, added.text
        assert (added.json()["about"]["own"], added.json()["about"]["title"]) == (True, "Vines")
        assert requests.delete(f"{api}/datasets/{dataset}").status_code == 204
        assert requests.post(f"{api}/vine/predict", json={}).status_code == 503  # it is served, and has no version

        assert _done(app, "train", {"num_boost_round": 30}, "vine")["result"]["version"] == "1"
        row = _examples(api, "vine")[0]["row"]
        answer = requests.post(f"{api}/vine/predict?explain=true", json=row).json()
        assert answer["model"] == {"name": "vine", "version": "1"}
        assert answer["predictions"][0]["label"] in ("0", "1")
        assert set(answer["predictions"][0]["contributions"]) == {*row, "bias"}
        assert "/vine/predict" in requests.get(f"{api}/openapi.json").json()["paths"]
        second = _done(app, "train", {"num_boost_round": 40, "max_depth": 2}, "vine")["result"]["version"]
        promoted = requests.post(f"{api}/models/vine/promote", json={"version": second, "force": True})
        assert promoted.status_code == 200, promoted.text
        assert requests.post(f"{api}/vine/predict", json=row).json()["model"]["version"] == "2"

        deleted = requests.delete(f"{api}/models/vine")
        assert deleted.status_code == 204, deleted.text
        for path in ("models/vine", "v2/models/vine"):
            assert requests.get(f"{api}/{path}").status_code == 404
        assert requests.post(f"{api}/vine/predict", json=row).status_code == 404
        assert [path for path in app.home.rglob("*vine*") if "ray" not in path.parts] == []
        load.wait_for(20)
    assert load.failed == []
