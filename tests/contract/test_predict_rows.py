"""``POST /api/breast-cancer/predict`` in this process: exact answers, every refusal."""

from __future__ import annotations

import math
import threading
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models import catalog
from models.table.model import TableModel
from settings import ROOT
from tests.helpers.models import ROWS
from training.datasets import tables as dataset

URL = "/breast-cancer/predict"
JSON = {"Content-Type": "application/json"}
TABLE = dataset.read(ROWS)
MATRIX = TABLE.rows()


def _row(i: int = 0) -> dict[str, float]:
    return dict(zip(TABLE.names, map(float, MATRIX[i]), strict=True))


def _changed(**changes: object) -> dict[str, object]:
    """A row that the model was trained on, with changes."""
    row: dict[str, object] = _row(int(np.flatnonzero(TABLE.split == "train")[0]))
    row.update(changes)
    return row


def test_all_rows_get_the_models_own_answers(api: httpx.Client) -> None:
    rows = [_row(i) for i in range(len(MATRIX))]
    body = api.post(URL, json=rows).json()
    expected = catalog.load(ROOT / "models" / "pretrained" / "breast-cancer").predict(MATRIX)
    answers = np.array([p["probability_malignant"] for p in body["predictions"]])
    assert np.abs(answers - expected).max() < 1e-6
    assert [p["label"] for p in body["predictions"]] == ["malignant" if p >= 0.5 else "benign" for p in expected]
    assert roc_auc_score(TABLE.target == 0, answers) >= 0.99


def test_noisy_rows_are_still_told_apart(api: httpx.Client) -> None:
    noise = np.random.default_rng(5).normal(1, 0.05, MATRIX.shape)
    rows = [dict(zip(TABLE.names, map(float, values), strict=True)) for values in MATRIX * noise]
    answers = [p["probability_malignant"] for p in api.post(URL, json=rows).json()["predictions"]]
    assert roc_auc_score(TABLE.target == 0, answers) >= 0.99


def test_one_object_is_one_row_whatever_the_order_of_keys(api: httpx.Client) -> None:
    straight = api.post(URL, json=_row()).json()
    backwards = api.post(URL, json=dict(reversed(_row().items()))).json()
    assert len(straight["predictions"]) == 1
    assert straight["predictions"] == backwards["predictions"]
    assert straight["model"] == {"name": "breast-cancer", "version": "1"}
    assert straight["predictions"][0]["label"] == "malignant"


def test_contributions_sum_to_the_logit_of_the_probability(api: httpx.Client) -> None:
    rows = [_row(i) for i in range(0, 569, 10)]
    for prediction in api.post(f"{URL}?explain=true", json=rows).json()["predictions"]:
        assert set(prediction["contributions"]) == {*TABLE.names, "bias"}
        p = prediction["probability_malignant"]
        assert sum(prediction["contributions"].values()) == pytest.approx(math.log(p / (1 - p)), abs=1e-5)


def test_a_thousand_rows_are_explained_and_no_more(api: httpx.Client) -> None:
    rows = [_row(i % len(MATRIX)) for i in range(1_001)]
    predictions = api.post(f"{URL}?explain=true", json=rows[:1_000]).json()["predictions"]
    assert len(predictions) == 1_000
    alone = api.post(f"{URL}?explain=true", json=rows[999]).json()["predictions"][0]
    assert predictions[999] == alone
    for path in (URL, "/breast-cancer/compare"):
        refused = api.post(f"{path}?explain=true", json=rows)
        assert refused.status_code == 422
        sentence = "The request has 1001 rows; with explain, send at most 1,000, or leave it out."
        assert refused.json()["error"]["message"] == sentence


@pytest.mark.parametrize(("count", "options"), [(1, "?explain=true"), (101, "")])
def test_explanations_and_many_rows_do_not_hold_up_other_requests(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch, count: int, options: str
) -> None:
    threads = set()

    def encode(*arguments: Any, **options: Any) -> list[dict[str, Any]]:
        threads.add(threading.current_thread().name)
        return real(*arguments, **options)

    real = TableModel.encode
    monkeypatch.setattr(TableModel, "encode", encode)
    assert api.post(f"{URL}{options}", json=[_row()] * count).status_code == 200
    assert threads == {"predict_0"}


def test_value_outside_the_training_range_is_named(api: httpx.Client) -> None:
    prediction = api.post(URL, json=_changed(**{"mean radius": 99.0, "worst area": 1.0})).json()["predictions"][0]
    assert prediction["out_of_range"] == ["mean radius", "worst area"]


def test_ten_thousand_rows_are_taken(api: httpx.Client) -> None:
    rows = [_row(i % 569) for i in range(10_000)]
    predictions = api.post(URL, json=rows).json()["predictions"]
    assert len(predictions) == 10_000
    assert predictions[569] == predictions[0]


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        ({k: v for k, v in _row().items() if k != "mean area"}, 422, "'mean area' is missing"),
        (_changed(colour=1), 422, "no feature 'colour'"),
        (_changed(**{"mean area": None}), 422, "not null"),
        (_changed(**{"mean area": "12"}), 422, "not text"),
        (_changed(**{"mean area": True}), 422, "not true or false"),
        (_changed(**{"mean area": [1]}), 422, "not a list"),
        (_changed(**{"mean area": {"a": 1}}), 422, "not an object"),
        (_changed(**{"mean area": 1e300}), 422, "a finite number between -1e30 and 1e30"),
        ([_row(), 5], 422, "Row 1 is not a JSON object"),
        ([], 422, "0 rows"),
        ("text", 422, "one JSON object"),
        (7, 422, "one JSON object"),
        ({}, 422, "is missing"),
    ],
)
def test_wrong_row_is_named(api: httpx.Client, content: object, status: int, sentence: str) -> None:
    reply = api.post(URL, json=content)
    assert reply.status_code == status
    assert sentence in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "sentence"),
    [
        (b"", JSON, 400, "empty"),
        (b"{", JSON, 400, "not valid JSON"),
        (b'{"mean area": NaN}', JSON, 400, "NaN"),
        (b'{"mean area": Infinity}', JSON, 400, "Infinity"),
        (b'{"mean area": 1}', {"Content-Type": "text/csv"}, 415, "text/csv"),
        (b"[" * 100_000, JSON, 400, "not valid JSON"),
        (b"[" + b" " * 30_000_000 + b"]", JSON, 413, "20 MB"),
        (b"[" + b"{}," * 10_000 + b"{}]", JSON, 422, "10001 rows; send 1 to 10,000"),
    ],
    ids=["empty", "cut", "nan", "infinity", "csv", "deep", "large", "many rows"],
)
def test_wrong_body_is_named(api: httpx.Client, body: bytes, headers: dict, status: int, sentence: str) -> None:
    reply = api.post(URL, content=body, headers=headers)
    assert reply.status_code == status
    assert sentence in reply.json()["error"]["message"]


def test_image_options_are_not_options_of_rows(api: httpx.Client) -> None:
    reply = api.post(f"{URL}?top_k=3", json=_row())
    assert reply.status_code == 422
    assert "'top_k'" in reply.json()["error"]["message"]
