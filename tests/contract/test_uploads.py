"""Uploads for a batch prediction over HTTP: checked at once, shown, used once, or refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from settings import MAX_UPLOAD_BYTES
from tests.helpers.in_process.played import Played
from tests.helpers.in_process.studio import Studio
from tests.helpers.models import ROWS
from tests.helpers.samples import pictures
from training.datasets import tables as breast_cancer

PICTURES = 12
CUT = {
    "content": b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    + pictures.encoded(pictures.photo(), "PNG")
    + b"\r\n",
    "headers": {"Content-Type": "multipart/form-data; boundary=edge"},
}


@pytest.fixture(scope="module")
def archive(anyone: httpx.Client) -> bytes:
    """A ZIP of validation pictures, named by their labels, with a letter among them."""
    examples = anyone.get(f"/models/cifar10/examples?n={PICTURES}&seed=1").json()["examples"]
    return pictures.archive_of(examples)


def _folders(studio: Studio) -> list[Path]:
    root = studio.home / "uploads"
    return list(root.iterdir()) if root.exists() else []


def _send(admin: httpx.Client, model: str, name: str, data: bytes) -> dict[str, Any]:
    sent = admin.post(f"/uploads?model={model}", files={"file": (name, data)})
    assert sent.status_code == 201, sent.text
    return sent.json()


def test_archive_is_checked_picture_by_picture(
    public: Studio, anyone: httpx.Client, admin: httpx.Client, archive: bytes
) -> None:
    upload = _send(admin, "cifar10", "holiday.zip", archive)
    assert (upload["names"], upload["rows"], upload["good"]) == (["holiday.zip"], PICTURES + 1, PICTURES)
    assert [problem["where"] for problem in upload["problems"]] == ["letter.png"]
    assert anyone.get(f"/uploads/{upload['id']}").json() == upload
    assert admin.delete(f"/uploads/{upload['id']}").status_code == 204
    assert anyone.get(f"/uploads/{upload['id']}").status_code == 404
    assert admin.delete(f"/uploads/{upload['id']}").status_code == 204
    assert _folders(public) == []


def test_table_is_checked_line_by_line(admin: httpx.Client) -> None:
    table = breast_cancer.read(ROWS)
    frame = pd.DataFrame(table.rows("test", 4), columns=table.names).astype(object)
    frame.loc[1, "mean radius"] = "wide"
    upload = _send(admin, "breast-cancer", "rows.csv", frame.to_csv(index=False).encode())
    assert upload["problems"] == [
        {"where": "line 3", "column": "mean radius", "problem": "'wide' is not a number; write it like 12.5."}
    ]
    admin.delete(f"/uploads/{upload['id']}")


@pytest.mark.parametrize("end", ["succeed", "cancel"])
def test_upload_goes_with_the_job_that_used_it(
    public: Studio, anyone: httpx.Client, admin: httpx.Client, archive: bytes, end: str
) -> None:
    upload = _send(admin, "cifar10", "a.zip", archive)["id"]
    wanted = {"kind": "batch_predict", "model": "cifar10", "config": {"upload": upload}}
    job_id = admin.post("/jobs", json=wanted).json()["id"]
    running = Played(public, job_id)
    if end == "succeed":
        running.succeed({"rows": 13})
    else:
        admin.post(f"/jobs/{job_id}/cancel")
        running.die()
        assert anyone.get(f"/jobs/{job_id}").json()["state"] == "stopped"
        resumed = admin.post(f"/jobs/{job_id}/resume")
        assert (resumed.status_code, "Send the files again" in resumed.json()["error"]["message"]) == (409, True)
    assert anyone.get(f"/uploads/{upload}").status_code == 404
    assert anyone.get(f"/jobs/{job_id}/files/predictions.csv").status_code == 404
    again = admin.post("/jobs", json=wanted)
    assert (again.status_code, "Send the files again" in again.json()["error"]["message"]) == (422, True)
    assert _folders(public) == []


def test_upload_stays_for_as_long_as_a_job_needs_it(public: Studio, admin: httpx.Client, archive: bytes) -> None:
    upload = _send(admin, "cifar10", "a.zip", archive)["id"]
    of_other = {"kind": "batch_predict", "model": "breast-cancer", "config": {"upload": upload}}
    refused = admin.post("/jobs", json=of_other)
    assert (refused.status_code, "was sent for cifar10" in refused.json()["error"]["message"]) == (422, True)
    wanted = {"kind": "batch_predict", "model": "cifar10", "config": {"upload": upload}}
    first, second = (admin.post("/jobs", json=wanted).json()["id"] for _ in range(2))
    assert admin.delete(f"/uploads/{upload}").status_code == 409
    Played(public, first).succeed({"rows": 13})
    assert admin.get(f"/uploads/{upload}").status_code == 200, "the second job has yet to read it"
    Played(public, second).succeed({"rows": 13})
    assert admin.get(f"/uploads/{upload}").status_code == 404


@pytest.mark.parametrize(
    ("query", "request_", "status", "sentence"),
    [
        ("model=mnist", {"files": {"file": b"x"}}, 404, "there are cifar10 and breast-cancer"),
        ("", {"files": {"file": b"x"}}, 422, "model"),
        ("model=cifar10", {"files": {"file": b"hello"}}, 422, "no picture"),
        ("model=cifar10", {"files": {"picture": b"hello"}}, 422, 'parts named "file"'),
        ("model=cifar10", {"content": b"hello"}, 415, "multipart"),
        ("model=cifar10", CUT, 400, "is incomplete"),
        ("model=breast-cancer", {"files": {"file": b"a,b\n1,2\n"}}, 422, "header"),
        ("model=breast-cancer", {"files": [("file", b"a"), ("file", b"b")]}, 422, "one CSV"),
        ("model=cifar10", {"files": {"file": b"0" * (MAX_UPLOAD_BYTES + 1)}}, 413, "256 MB"),
    ],
    ids=["model", "no model", "letter", "part's name", "no parts", "cut off", "no table", "two tables", "too large"],
)
def test_what_cannot_be_predicted_is_refused_and_not_kept(
    public: Studio, admin: httpx.Client, query: str, request_: dict[str, Any], status: int, sentence: str
) -> None:
    reply = admin.post(f"/uploads?{query}", **request_)
    assert (reply.status_code, sentence in reply.json()["error"]["message"]) == (status, True), reply.text
    assert _folders(public) == []


def test_public_sends_nothing(anyone: httpx.Client, archive: bytes) -> None:
    assert anyone.post("/uploads?model=cifar10", files={"file": archive}).status_code == 401
    assert anyone.delete("/uploads/any").status_code == 401
