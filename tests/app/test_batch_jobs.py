"""Batch predictions asked for by HTTP: sent, checked, watched, downloaded, and gone afterwards."""

from __future__ import annotations

import base64
import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests

from settings import MAX_UPLOAD_BYTES
from tests.app.test_jobs import Jobs
from tests.helpers.load import Load
from tests.helpers.running_app import RunningApp
from training.datasets import breast_cancer

PICTURES = 12


@pytest.fixture(scope="module")
def jobs(public_app: RunningApp, admin: requests.Session) -> Jobs:
    return Jobs(public_app, admin)


@pytest.fixture(scope="module")
def uploads(public_app: RunningApp) -> str:
    return f"{public_app.url}/api/uploads"


@pytest.fixture(scope="module")
def archive(public_app: RunningApp) -> bytes:
    """A ZIP of validation pictures, named by their labels, with a letter among them."""
    examples = requests.get(f"{public_app.url}/api/models/cifar10/examples?n={PICTURES}&seed=1").json()["examples"]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for example in examples:
            made.writestr(f"{example['label']}/{example['id']}.png", base64.b64decode(example["image"]))
        made.writestr("letter.png", b"hello")
    return data.getvalue()


def _folders(app: RunningApp) -> list[Path]:
    return list((app.home / "uploads").iterdir())


def _rows() -> bytes:
    """Four rows as CSV, the second with a word for a number."""
    table = breast_cancer.read_shipped()
    frame = pd.DataFrame(table.part("test")[0][:4], columns=table.features).astype(object)
    frame.loc[1, "mean radius"] = "wide"
    return frame.to_csv(index=False).encode()


def _batch(jobs: Jobs, model: str, **config: Any) -> dict[str, Any]:
    reply = jobs.post(kind="batch_predict", model=model, config=config)
    assert reply.status_code == 202, reply.text
    ended = jobs.wait_until_ended(reply.json()["id"])
    assert ended["state"] == "succeeded", (ended["error"], jobs.log(ended["id"]))
    return ended


def test_archive_is_answered_as_one_by_one_and_is_gone_afterwards(
    public_app: RunningApp, admin: requests.Session, jobs: Jobs, uploads: str, archive: bytes
) -> None:
    sent = admin.post(f"{uploads}?model=cifar10", files={"file": ("holiday.zip", archive)})
    assert sent.status_code == 201, sent.text
    upload = sent.json()
    assert (upload["names"], upload["rows"], upload["good"]) == (["holiday.zip"], PICTURES + 1, PICTURES)
    assert [problem["where"] for problem in upload["problems"]] == ["letter.png"]
    assert requests.get(f"{uploads}/{upload['id']}").json() == upload
    predict = f"{public_app.url}/api/cifar10/predict"
    with Load(predict, 4, data=base64.b64decode(_example(public_app)), headers={"Content-Type": "image/png"}) as load:
        ended = _batch(jobs, "cifar10", upload=upload["id"])
    assert load.failed == []
    assert (ended["result"]["source"], ended["result"]["rows"], ended["result"]["errors"]) == ("holiday.zip", 13, 1)
    url = f"{public_app.url}/api/jobs/{ended['id']}"
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
    assert [row["name"] for row in csv.DictReader(io.StringIO(download.text))] == [row["name"] for row in shown["rows"]]
    assert len(pd.read_parquet(io.BytesIO(requests.get(f"{url}/files/predictions.parquet").content))) == 13
    assert requests.get(f"{uploads}/{upload['id']}").status_code == 404
    assert _folders(public_app) == []
    again = jobs.post(kind="batch_predict", model="cifar10", config={"upload": upload["id"]})
    assert (again.status_code, "Send the files again" in again.json()["error"]["message"]) == (422, True)


def _example(app: RunningApp) -> str:
    return requests.get(f"{app.url}/api/models/cifar10/examples?n=1").json()["examples"][0]["image"]


def test_table_with_a_wrong_line_goes_on_without_it(
    public_app: RunningApp, admin: requests.Session, jobs: Jobs, uploads: str
) -> None:
    upload = admin.post(f"{uploads}?model=breast-cancer", files={"file": ("rows.csv", _rows())}).json()
    assert upload["problems"] == [
        {"where": "line 3", "column": "mean radius", "problem": "'wide' is no number; write it like 12.5."}
    ]
    ended = _batch(jobs, "breast-cancer", upload=upload["id"], num_workers=1)
    rows = requests.get(f"{public_app.url}/api/jobs/{ended['id']}/rows").json()["rows"]
    assert [row["line"] for row in rows] == [2, 3, 4, 5]
    assert [row["label"] is None for row in rows] == [False, True, False, False]
    whole = requests.get(f"{public_app.url}/api/models/breast-cancer/features").json()["features"]
    given = {feature["name"]: rows[0][feature["name"]] for feature in whole}
    alone = requests.post(f"{public_app.url}/api/breast-cancer/predict", json=given).json()["predictions"][0]
    assert rows[0]["probability_malignant"] == pytest.approx(alone["probability_malignant"], abs=1e-9)


def test_stopped_prediction_leaves_neither_files_nor_upload(
    public_app: RunningApp, admin: requests.Session, jobs: Jobs, uploads: str, archive: bytes
) -> None:
    upload = admin.post(f"{uploads}?model=cifar10", files={"file": ("a.zip", archive)}).json()
    job_id = jobs.post(kind="batch_predict", model="cifar10", config={"upload": upload["id"]}).json()["id"]
    jobs.wait(job_id, lambda job: job["progress"]["stage"] == "starting the workers")
    jobs.cancel(job_id)
    assert jobs.wait_until_ended(job_id, 10)["state"] == "stopped"
    assert requests.get(f"{public_app.url}/api/jobs/{job_id}/files/predictions.csv").status_code == 404
    assert _folders(public_app) == []
    resumed = jobs.resume(job_id)
    assert (resumed.status_code, "Send the files again" in resumed.json()["error"]["message"]) == (409, True)


@pytest.mark.parametrize(
    ("query", "request_", "status", "sentence"),
    [
        ("model=mnist", {"files": {"file": b"x"}}, 404, "there are cifar10 and breast-cancer"),
        ("", {"files": {"file": b"x"}}, 422, "model"),
        ("model=cifar10", {"files": {"file": b"hello"}}, 422, "no picture"),
        ("model=cifar10", {"files": {"picture": b"hello"}}, 422, 'parts named "file"'),
        ("model=cifar10", {"data": b"hello"}, 415, "multipart"),
        ("model=breast-cancer", {"files": {"file": b"a,b\n1,2\n"}}, 422, "header"),
        ("model=breast-cancer", {"files": [("file", b"a"), ("file", b"b")]}, 422, "one CSV"),
        ("model=cifar10", {"files": {"file": b"0" * (MAX_UPLOAD_BYTES + 1)}}, 413, "256 MB"),
    ],
    ids=["model", "no model", "letter", "part's name", "no parts", "no table", "two tables", "too large"],
)
def test_what_cannot_be_predicted_is_refused_and_not_kept(
    public_app: RunningApp,
    admin: requests.Session,
    uploads: str,
    query: str,
    request_: dict[str, Any],
    status: int,
    sentence: str,
) -> None:
    reply = admin.post(f"{uploads}?{query}", **request_)
    assert (reply.status_code, sentence in reply.json()["error"]["message"]) == (status, True), reply.text
    assert _folders(public_app) == []


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"data": "/etc/passwd"}, "over HTTP it must be an address"),
        ({"upload": "a", "data": "s3://bucket"}, "exclude each other"),
        ({"num_workers": 0}, "config.num_workers"),
        ({"output": "/tmp"}, "config.output"),
        ({"upload": "../jobs"}, "no upload"),
    ],
)
def test_wrong_prediction_is_refused_with_what_is_wrong(jobs: Jobs, config: dict[str, Any], sentence: str) -> None:
    reply = jobs.post(kind="batch_predict", model="cifar10", config=config)
    assert (reply.status_code, sentence in reply.json()["error"]["message"]) == (422, True), reply.text


def test_files_of_a_job_are_its_own_and_nothing_else(public_app: RunningApp, jobs: Jobs) -> None:
    ended = _batch(jobs, "breast-cancer")
    url = f"{public_app.url}/api/jobs/{ended['id']}"
    assert ended["result"]["right"] == 111
    assert requests.get(f"{url}/rows?show=wrong").json()["total"] == 2
    for name in ("../job.json", "%2e%2e%2fjob.json", "job.json", ".predictions.csv.half", "predictions.xlsx"):
        assert requests.get(f"{url}/files/{name}").status_code == 404
    assert requests.get(f"{url}/rows?show=unsure").status_code == 422
    assert requests.get(f"{url}/rows?limit=1000").status_code == 422


def test_public_sends_nothing(uploads: str, archive: bytes) -> None:
    assert requests.post(f"{uploads}?model=cifar10", files={"file": archive}).status_code == 401
    assert requests.delete(f"{uploads}/any").status_code == 401
