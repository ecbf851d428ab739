"""A version that Keras trained takes over from trees on the page, and answers without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import requests
from playwright.sync_api import Page, expect

from benchmarks.harness.running_app import RunningApp
from models.table.model import TableModel
from tests.helpers.clients.jobs import QUICK, Jobs
from tests.helpers.clients.screens import TABLE, button, compare_version, to_retrain
from tests.helpers.models import ROWS
from tests.helpers.samples import versions
from training.datasets.tables import read

ASKED = 1_000


@pytest.fixture
def trees(app: RunningApp, api: str) -> Iterator[str]:
    """A version of boosted trees that is the champion; after the test it is the one before again."""
    before = _champion(api)["version"]
    jobs = Jobs(app, requests.Session())
    job = jobs.wait_until_ended(jobs.start(ROWS.name, {"learner": "xgboost", **QUICK}))
    version = job["result"]["version"]
    _promote(api, version)
    yield version
    _promote(api, before)


def _promote(api: str, version: str) -> None:
    reply = requests.post(f"{api}/models/{ROWS.name}/promote", json={"version": version, "force": True})
    assert reply.status_code == 200, reply.text


def _champion(api: str) -> dict[str, Any]:
    found = requests.get(f"{api}/models/{ROWS.name}").json()["versions"]
    return next(one for one in found if "champion" in one["aliases"])


def test_version_of_keras_is_promoted_over_trees_and_answers_a_thousand_rows(
    open_page: Callable[..., Page], app: RunningApp, api: str, trees: str
) -> None:
    version, model = versions.add_keras(app.home), TableModel.load(versions.KERAS)
    page = to_retrain(open_page(app.url))
    page.get_by_label(TABLE, exact=True).check()
    expect(page.locator("#air-now")).to_contain_text(f"Version {trees} is the champion")
    compare_version(page, version)
    button(page, f"Promote version {version}").click()
    expect(page.get_by_text(f"Version {version} is the champion: every answer comes from it now.")).to_be_visible()
    champion = _champion(api)
    assert (champion["version"], champion["config"]["learner"]) == (version, "keras")

    # Real rows, each value up to a tenth larger or smaller.
    random, known = np.random.default_rng(0), read(ROWS).rows()
    rows = known[random.integers(0, len(known), ASKED)] * random.uniform(0.9, 1.1, (ASKED, known.shape[1]))
    asked = [dict(zip(model.features, row, strict=True)) for row in rows.tolist()]
    reply = requests.post(f"{api}/{ROWS.name}/predict", json=asked).json()
    assert reply["model"] == {"name": ROWS.name, "version": version}
    answers = [answer["probability_malignant"] for answer in reply["predictions"]]
    np.testing.assert_allclose(answers, model.predict(rows), atol=1e-6)
    assert min(answers) < 0.01
    assert max(answers) > 0.99
    replicas = app.processes(f"ServeReplica:{ROWS.name}")
    assert replicas
    assert [file.path for one in replicas for file in one.memory_maps() if "tensorflow" in file.path] == []
