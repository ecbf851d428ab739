"""Real jobs on the running app: they train, predict and stop, while predictions continue."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pandas as pd
import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from settings import ROOT
from tests.helpers.clients.jobs import Jobs
from tests.helpers.clients.load import Load
from tests.helpers.samples import pictures

PICTURES = 12
PICTURE = (ROOT / "docs" / "example.png").read_bytes()


@pytest.fixture(scope="module")
def jobs(app: RunningApp) -> Jobs:
    return Jobs(app, requests.Session())


@pytest.fixture(scope="module")
def archive(app: RunningApp) -> bytes:
    """A ZIP of validation pictures, named by their labels, with a letter among them."""
    examples = requests.get(f"{app.url}/api/models/cifar10/examples?n={PICTURES}&seed=1").json()["examples"]
    return pictures.archive_of(examples)


def _batch(jobs: Jobs, model: str, **config: Any) -> dict[str, Any]:
    reply = jobs.post(kind="batch_predict", model=model, config=config)
    assert reply.status_code == 202, reply.text
    ended = jobs.wait_until_ended(reply.json()["id"])
    assert ended["state"] == "succeeded", (ended["error"], jobs.log(ended["id"]))
    return ended


def test_job_that_cannot_be_done_says_why_in_a_sentence(jobs: Jobs) -> None:
    job_id = jobs.start("breast-cancer", {"scaled_columns": ["mean mood"]})
    ended = jobs.wait_until_ended(job_id)
    assert ended["state"] == "failed"
    assert "there is no column 'mean mood'" in ended["error"]
    assert "Traceback" not in ended["error"]


def test_archive_is_answered_as_one_by_one_and_is_gone_afterwards(app: RunningApp, jobs: Jobs, archive: bytes) -> None:
    sent = requests.post(f"{app.url}/api/uploads?model=cifar10", files={"file": ("holiday.zip", archive)})
    assert sent.status_code == 201, sent.text
    upload = sent.json()
    assert (upload["names"], upload["rows"], upload["good"]) == (["holiday.zip"], PICTURES + 1, PICTURES)
    assert [problem["where"] for problem in upload["problems"]] == ["letter.png"]
    assert requests.get(f"{app.url}/api/uploads/{upload['id']}").json() == upload
    predict = f"{app.url}/api/cifar10/predict"
    with Load(predict, 4, data=PICTURE, headers={"Content-Type": "image/png"}) as load:
        ended = _batch(jobs, "cifar10", upload=upload["id"])
    assert load.failed == []
    assert (ended["result"]["source"], ended["result"]["rows"], ended["result"]["errors"]) == ("holiday.zip", 13, 1)
    url = f"{app.url}/api/jobs/{ended['id']}"
    shown = requests.get(f"{url}/rows?limit=200").json()
    assert (shown["total"], shown["columns"]) == (13, ["name", "label", "probability", "unsure", "error"])
    with zipfile.ZipFile(io.BytesIO(archive)) as made:
        for row in shown["rows"][:PICTURES]:
            alone = requests.post(predict, files={"file": made.read(row["name"])}).json()["predictions"][0]
            assert row["probability"] == pytest.approx(alone["probability"], abs=0.05)
    assert "not a picture" in shown["rows"][PICTURES]["error"]
    assert requests.get(f"{url}/rows?show=errors").json()["rows"] == shown["rows"][PICTURES:]
    download = requests.get(f"{url}/files/predictions.csv")
    assert "attachment" in download.headers["Content-Disposition"]
    assert [row["name"] for row in csv.DictReader(io.StringIO(download.content.decode("utf-8-sig")))] == [
        row["name"] for row in shown["rows"]
    ]
    assert len(pd.read_parquet(io.BytesIO(requests.get(f"{url}/files/predictions.parquet").content))) == 13
    assert requests.get(f"{app.url}/api/uploads/{upload['id']}").status_code == 404
    assert list((app.home / "uploads").iterdir()) == []
    again = jobs.post(kind="batch_predict", model="cifar10", config={"upload": upload["id"]})
    assert (again.status_code, "Send the files again" in again.json()["error"]["message"]) == (422, True)


def test_example_runs_on_the_apps_ray_and_leaves_nothing_running(app: RunningApp, jobs: Jobs) -> None:
    reply = jobs.post(kind="example", config={"name": "stateful_actors"})
    assert reply.status_code == 202, reply.text
    ended = jobs.wait_until_ended(reply.json()["id"])
    assert (ended["state"], ended["error"]) == ("succeeded", None), jobs.log(ended["id"])
    assert "learner A after 20 steps" in jobs.log(ended["id"])
    assert jobs.processes("examples.stateful_actors") == []
    assert requests.get(f"{app.url}/api/readyz").status_code == 200
