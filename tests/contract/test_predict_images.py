"""``POST /api/cifar10/predict`` over real HTTP: every body form, every refusal, exact answers."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from models import catalog
from models.images import decode
from settings import ROOT, Settings
from tests.helpers import pictures
from training.datasets import cifar10 as dataset

PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def url(api: str) -> str:
    return f"{api}/cifar10/predict"


def _sentence(reply: requests.Response, status: int) -> str:
    """The message of an error reply, whose form is checked."""
    assert reply.status_code == status, reply.text
    body = reply.json()
    assert set(body) == {"error", "request_id"}
    assert {"code", "message"} <= set(body["error"])
    assert "Traceback" not in reply.text
    return body["error"]["message"]


def _forms(picture: bytes) -> dict[str, dict]:
    return {
        "multipart": {"files": [("file", ("picture", picture))]},
        "raw": {"data": picture, "headers": {"Content-Type": "image/anything"}},
        "json": {"json": {"images": [base64.b64encode(picture).decode()]}},
    }


@pytest.mark.parametrize("form", ["multipart", "raw", "json"])
def test_every_body_form_gives_the_models_own_answer(url: str, form: str) -> None:
    picture = (ROOT / "docs" / "example.png").read_bytes()
    reply = requests.post(url, **_forms(picture)[form])
    assert reply.status_code == 200, reply.text
    body = reply.json()
    model = catalog.load(ROOT / "models" / "pretrained" / "cifar10")
    expected = model.predict(decode(picture, 32)[None])[0]
    prediction = body["predictions"][0]
    assert body["model"] == {"name": "cifar10", "version": "1"}
    assert prediction["label"] == model.labels[expected.argmax()]
    assert prediction["probability"] == pytest.approx(float(expected.max()), abs=0.01)
    assert len(prediction["top_k"]) == 3
    for choice in prediction["top_k"]:
        assert choice["probability"] == pytest.approx(float(expected[model.labels.index(choice["label"])]), abs=0.01)
    assert prediction["unsure"] == (prediction["probability"] < model.unsure_below)
    assert body["latency_ms"] > 0
    assert reply.headers["X-Request-ID"] == body["request_id"]


@pytest.mark.parametrize("kind", pictures.accepted())
def test_ordinary_picture_is_answered(url: str, kind: str) -> None:
    reply = requests.post(url, data=pictures.accepted()[kind], headers=PNG)
    assert reply.status_code == 200, reply.text
    assert sum(choice["probability"] for choice in reply.json()["predictions"][0]["top_k"]) <= 1.0001


@pytest.mark.parametrize("kind", pictures.refused())
def test_what_is_no_picture_gets_a_sentence(url: str, kind: str) -> None:
    good, bad = pictures.accepted()["png"], pictures.refused()[kind]
    message = _sentence(requests.post(url, files=[("file", ("a", good)), ("file", ("b", bad))]), 422)
    assert message.startswith("Image 1: ")


def test_many_images_are_answered_in_order(url: str) -> None:
    batch = [pictures.encoded(pictures.photo(32, 32, seed=i), "PNG") for i in range(64)]
    together = requests.post(url, files=[("file", (str(i), data)) for i, data in enumerate(batch)]).json()[
        "predictions"
    ]
    assert len(together) == 64
    for i in (0, 17, 63):
        alone = requests.post(url, data=batch[i], headers=PNG).json()["predictions"][0]
        assert alone["label"] == together[i]["label"]
        assert alone["probability"] == pytest.approx(together[i]["probability"], abs=0.01)


def test_concurrent_clients_each_get_their_own_answer(url: str) -> None:
    batch = [pictures.encoded(pictures.photo(32, 32, seed=i), "PNG") for i in range(40)]

    def ask(data: bytes) -> tuple[str, float]:
        top = requests.post(url, data=data, headers=PNG).json()["predictions"][0]
        return top["label"], top["probability"]

    with ThreadPoolExecutor(16) as clients:
        together = list(clients.map(ask, batch))
    alone = [ask(data) for data in batch]
    assert [label for label, _ in together] == [label for label, _ in alone]


def test_view_shows_the_pixels_that_the_model_saw(url: str) -> None:
    picture = pictures.accepted()["exif"]
    reply = requests.post(f"{url}?view=true", data=picture, headers=PNG).json()
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(reply["predictions"][0]["seen"]))))
    assert np.array_equal(seen, decode(picture, 32))


@pytest.mark.parametrize("k", [1, 10])
def test_top_k_is_as_long_as_asked(url: str, k: int) -> None:
    reply = requests.post(f"{url}?top_k={k}", data=pictures.accepted()["png"], headers=PNG).json()
    top = reply["predictions"][0]["top_k"]
    assert len(top) == k
    assert [c["probability"] for c in top] == sorted((c["probability"] for c in top), reverse=True)


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("top_k=11", 422, "top_k"),
        ("top_k=0", 422, "top_k"),
        ("top_k=many", 422, "top_k"),
        ("topk=3", 422, "no query option 'topk'"),
        ("view=perhaps", 422, "view"),
        ("explain=true", 422, "explain"),
        ("version=77", 404, "no version '77'"),
        ("version=challenger", 404, "no challenger"),
    ],
)
def test_wrong_query_is_named(url: str, query: str, status: int, sentence: str) -> None:
    reply = requests.post(f"{url}?{query}", data=pictures.accepted()["png"], headers=PNG)
    assert sentence in _sentence(reply, status)


@pytest.mark.parametrize("version", ["1", "champion"])
def test_version_may_be_named(url: str, version: str) -> None:
    reply = requests.post(f"{url}?version={version}", data=pictures.accepted()["png"], headers=PNG).json()
    assert reply["model"]["version"] == "1"


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        ({"data": b"", "headers": PNG}, 400, "empty"),
        ({"data": b"x" * 30_000_000, "headers": PNG}, 413, "20 MB"),
        ({"data": pictures.bomb(), "headers": PNG}, 413, "megapixels"),
        ({"files": [("file", (str(i), b"x")) for i in range(65)]}, 422, "65 images; send 1 to 64"),
        ({"files": [("picture", ("a", b"x"))]}, 422, "'picture'"),
        ({"json": {"images": ["not base64!"]}}, 422, "images[0] is no valid base64"),
        ({"json": {"images": [7]}}, 422, "images[0] is no text"),
        ({"json": {"images": []}}, 422, "0 images"),
        ({"json": {"image": "x"}}, 422, '{"images"'),
        ({"json": ["x"]}, 422, '{"images"'),
        ({"data": b"{broken", "headers": {"Content-Type": "application/json"}}, 400, "no valid JSON"),
        ({"data": b"hello", "headers": {"Content-Type": "text/plain"}}, 415, "text/plain"),
        ({"data": b"hello"}, 415, "Content-Type"),
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "multipart"),
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 400, "multipart"),
    ],
    ids=lambda value: "" if isinstance(value, (dict, int)) else value,
)
def test_wrong_body_is_named(url: str, request_: dict, status: int, sentence: str) -> None:
    assert sentence in _sentence(requests.post(url, **request_), status)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/cifar10/predict", 405),
        ("PUT", "/cifar10/predict", 405),
        ("POST", "/cifar10/nothing", 404),
        ("POST", "/cifar10", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/models", 405),
    ],
)
def test_wrong_route_or_method_is_named(api: str, method: str, path: str, status: int) -> None:
    assert path in _sentence(requests.request(method, api + path, data=b"x"), status)


def test_comparison_without_challenger_says_so(api: str) -> None:
    reply = requests.post(f"{api}/cifar10/compare", data=pictures.accepted()["png"], headers=PNG)
    assert "no challenger" in _sentence(reply, 404)


def test_foreign_host_name_is_refused(url: str) -> None:
    reply = requests.post(url, data=b"x", headers={**PNG, "Host": "rebound.example"})
    assert "localhost only" in _sentence(reply, 403)


def test_request_id_of_the_client_comes_back(url: str) -> None:
    reply = requests.post(url, data=b"x", headers={**PNG, "X-Request-ID": "my-id-7"})
    assert reply.json()["request_id"] == "my-id-7"


def test_shipped_model_is_accurate_and_knows_when_it_is_not(url: str, real_cifar10: Path, tmp_path: Path) -> None:
    splits = dataset.load(Settings(air_home=tmp_path, cifar10_dir=real_cifar10))
    chosen = np.random.default_rng(0).permutation(len(splits.test))[:1_000]
    test = splits.test.take(chosen)
    stored = [item.as_py() for item in test.stored]
    predictions = []
    for start in range(0, len(stored), 50):
        files = [("file", (str(i), data)) for i, data in enumerate(stored[start : start + 50])]
        predictions += requests.post(url, files=files).json()["predictions"]
    right = np.mean([p["label"] == splits.labels[y] for p, y in zip(predictions, test.labels, strict=True)])
    assert right >= 0.85
    assert np.mean([p["unsure"] for p in predictions]) <= 0.12
    assert json.dumps(predictions[0])


def test_pictures_of_nothing_known_are_flagged_unsure(url: str) -> None:
    random = np.random.default_rng(99)
    strange = [random.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(16)]
    strange += [np.full((50, 70, 3), random.integers(0, 256, 3), dtype=np.uint8) for _ in range(16)]
    stripes = [(np.arange(64) // width % 2 * 255).astype(np.uint8) for width in range(1, 17)]
    strange += [np.repeat(np.tile(line, (64, 1))[..., None], 3, axis=2) for line in stripes]
    files = [("file", (str(i), pictures.encoded(Image.fromarray(pixels), "PNG"))) for i, pixels in enumerate(strange)]
    predictions = requests.post(url, files=files).json()["predictions"]
    assert np.mean([p["unsure"] for p in predictions]) >= 0.8
