"""A person's own data over HTTP: sent, profiled, shown to who may see them, deleted; or refused with a reason."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from models.pictures.decode import encode_png
from settings import MAX_UPLOAD_BYTES
from tests.helpers.in_process.studio import Studio
from training.datasets.store import Datasets
from training.runs import arrivals

ROWS = "age,city,buys\n" + "".join(f"{20 + i % 37},{'Bonn' if i % 3 else 'Köln'},{'yn'[i % 2]}\n" for i in range(60))
CUT = {
    "content": b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\r\n1,2\r\n',
    "headers": {"Content-Type": "multipart/form-data; boundary=edge"},
}


def archive(names: list[str]) -> bytes:
    """A ZIP of different pictures."""
    dice = np.random.default_rng(0)
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as file:
        for name in names:
            file.writestr(name, encode_png(dice.integers(0, 255, (20, 20, 3), dtype=np.uint8)))
    return kept.getvalue()


PICTURES = archive([f"{label}/{i}.png" for label in ("cat", "dog") for i in range(10)])


@pytest.fixture(autouse=True)
def _nothing_is_left(public: Studio) -> Iterator[None]:
    yield
    Datasets(public.settings).sweep()
    root = public.home / "datasets"
    for folder in root.iterdir() if root.exists() else ():
        assert not folder.name.startswith("."), "a refused file is kept"
        Datasets(public.settings).delete(folder.name)


def _send(admin: httpx.Client, family: str, name: str, data: bytes) -> dict[str, Any]:
    sent = admin.post(f"/datasets?family={family}", files={"file": (name, data)})
    assert sent.status_code == 201, sent.text
    return sent.json()


def test_table_is_profiled_shown_and_deleted(public: Studio, admin: httpx.Client) -> None:
    sent = _send(admin, "table", "people.csv", ROWS.encode())
    assert {key: sent[key] for key in ("family", "name", "rows", "pictures", "classes", "problems")} == {
        "family": "table",
        "name": "people.csv",
        "rows": 60,
        "pictures": None,
        "classes": [],
        "problems": [],
    }
    assert sent["columns"][1] == {
        "name": "city",
        "kind": "category",
        "missing": 0,
        "distinct": 2,
        "examples": ["Köln", "Bonn"],
        "min": None,
        "max": None,
        "top": [{"value": "Bonn", "count": 40}, {"value": "Köln", "count": 20}],
        "suggestion": {"use": True, "kind": "category", "preprocess": ["one-hot"], "why": "one-hot: 2 categories."},
        "warnings": [],
    }
    assert (sent["columns"][0]["min"], sent["columns"][0]["max"]) == (20, 56)
    assert sent["target"]["column"] == "buys"
    assert (sent["target"]["kind"], sent["target"]["labels"], sent["target"]["positive"]) == ("binary", ["n", "y"], "y")
    folder = public.home / "datasets" / sent["dataset"]
    assert {file.name for file in folder.iterdir()} == {"data.csv", "profile.json"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert admin.get(f"/datasets/{sent['dataset']}").json() == sent
    assert admin.get("/datasets").json() == {"datasets": [sent]}
    assert admin.delete(f"/datasets/{sent['dataset']}").status_code == 204
    gone = admin.get(f"/datasets/{sent['dataset']}")
    assert (gone.status_code, "Send the file again" in gone.json()["error"]["message"]) == (404, True)
    assert admin.delete(f"/datasets/{sent['dataset']}").status_code == 204
    assert admin.get("/datasets").json() == {"datasets": []}


def test_warnings_are_about_the_target_that_is_asked_for(public: Studio, admin: httpx.Client) -> None:
    codes = "age,city,code,buys\n" + "".join(
        f"{20 + i % 37},{'Bonn' if i % 3 else 'Köln'},{'53' if i % 3 else '50'},{'yn'[i % 2]}\n" for i in range(60)
    )
    sent = _send(admin, "table", "people.csv", codes.encode())
    assert [column["warnings"] for column in sent["columns"]] == [[], [], [], []]
    about = admin.get(f"/datasets/{sent['dataset']}", params={"target": "city"}).json()
    assert (about["dataset"], about["target"]["column"], about["target"]["kind"]) == (sent["dataset"], "city", "binary")
    assert [len(column["warnings"]) for column in about["columns"]] == [0, 0, 1, 0]
    assert about["columns"][2]["warnings"][0].startswith("It alone predicts 'city' in 100.0% of the rows")
    for asked, problem in (
        ({"target": "town"}, "There is no column 'town'; there are 'age', 'city', 'code', 'buys'."),
        ({"target": "city", "kind": "regression"}, "Column 'city' does not hold numbers"),
        ({"target": "city", "kind": "essay"}, "'binary', 'multiclass' or 'regression'"),
    ):
        refused = admin.get(f"/datasets/{sent['dataset']}", params=asked)
        assert (refused.status_code, problem in refused.json()["error"]["message"]) == (422, True), refused.text
    assert admin.get(f"/datasets/{sent['dataset']}").json() == sent
    pets = _send(admin, "image", "pets.zip", PICTURES)
    assert admin.get(f"/datasets/{pets['dataset']}", params={"target": "city"}).status_code == 422


def test_pictures_are_profiled(public: Studio, admin: httpx.Client) -> None:
    sent = _send(admin, "image", "pets.zip", PICTURES)
    assert (sent["rows"], sent["pictures"], sent["columns"], sent["target"]) == (None, 20, [], None)
    assert sent["classes"] == [{"label": "cat", "pictures": 10}, {"label": "dog", "pictures": 10}]
    assert Datasets(public.settings).path(sent["dataset"]).name == "pictures.zip"


def test_dataset_ends_after_an_hour_without_use(
    public: Studio, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = _send(admin, "table", "people.csv", ROWS.encode())["dataset"]
    Datasets(public.settings).sweep()
    assert admin.get(f"/datasets/{sent}").status_code == 200
    monkeypatch.setattr(arrivals, "KEPT_UNUSED_S", -1.0)
    Datasets(public.settings).sweep()
    assert admin.get(f"/datasets/{sent}").status_code == 404


@pytest.mark.parametrize(
    ("query", "request_", "status", "sentence"),
    [
        ("", {"files": {"file": b"x"}}, 422, "family"),
        ("family=sound", {"files": {"file": b"x"}}, 422, "family"),
        ("family=table", {"files": {"table": b"hello"}}, 422, 'a part named "file"'),
        ("family=table", {"files": [("file", b"a"), ("file", b"b")]}, 422, "one file"),
        ("family=table", {"content": b"hello"}, 415, "multipart"),
        ("family=table", CUT, 400, "is incomplete"),
        ("family=table", {"files": {"file": b"0" * (MAX_UPLOAD_BYTES + 1)}}, 413, "256 MB"),
        ("family=table", {"files": {"file": ("a.csv", b"a,b\n1,2\n1,2,3\n")}}, 422, "Line 3 has 3 values"),
        ("family=table", {"files": {"file": ("a.zip", PICTURES)}}, 422, "ZIP archive"),
        ("family=image", {"files": {"file": ("a.csv", ROWS.encode())}}, 422, "not a ZIP archive"),
        ("family=image", {"files": {"file": ("a.zip", archive(["cat/1.png"]))}}, 422, "one class only, 'cat'"),
    ],
    ids=["no family", "family", "part's name", "two", "no parts", "cut", "large", "ragged", "zip", "csv", "class"],
)
def test_what_cannot_be_used_is_refused_and_not_kept(
    admin: httpx.Client, query: str, request_: dict[str, Any], status: int, sentence: str
) -> None:
    reply = admin.post(f"/datasets?{query}", **request_)
    assert (reply.status_code, sentence in reply.json()["error"]["message"]) == (status, True), reply.text
    assert admin.get("/datasets").json() == {"datasets": []}


def test_only_the_admin_of_a_public_studio_sends_or_sees_data(anyone: httpx.Client, admin: httpx.Client) -> None:
    sent = _send(admin, "table", "people.csv", ROWS.encode())["dataset"]
    assert anyone.post("/datasets?family=table", files={"file": ROWS.encode()}).status_code == 401
    for path in ("/datasets", f"/datasets/{sent}"):
        assert anyone.get(path).status_code == 401, path
    assert anyone.delete(f"/datasets/{sent}").status_code == 401
    assert admin.get(f"/datasets/{sent}").status_code == 200


def test_unusual_ids_name_no_file(admin: httpx.Client) -> None:
    for wanted in ("..", "%2e%2e", "a%2Fb", "x" * 80):
        assert admin.get(f"/datasets/{wanted}/").status_code in (404, 405), wanted
    assert admin.get(f"/datasets/{'x' * 81}").status_code == 422
