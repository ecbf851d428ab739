"""``POST /api/cifar10/predict`` in this process: every body form, every refusal, exact answers."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from models import catalog
from models.pictures.decode import decode
from settings import ROOT
from tests.helpers.samples import pictures

URL = "/cifar10/predict"
PNG = {"Content-Type": "image/png"}


def _sentence(reply: Any, status: int) -> str:
    """The message of an error reply, after a check of its form."""
    assert reply.status_code == status, reply.text
    body = reply.json()
    assert set(body) == {"error", "request_id"}
    assert {"code", "message"} <= set(body["error"])
    assert "Traceback" not in reply.text
    return body["error"]["message"]


def _forms(picture: bytes) -> dict[str, dict]:
    return {
        "multipart": {"files": [("file", ("picture", picture))]},
        "raw": {"content": picture, "headers": {"Content-Type": "image/anything"}},
        "json": {"json": {"images": [base64.b64encode(picture).decode()]}},
    }


@pytest.mark.parametrize("form", ["multipart", "raw", "json"])
def test_every_body_form_gives_the_models_own_answer(api: httpx.Client, form: str) -> None:
    picture = (ROOT / "docs" / "example.png").read_bytes()
    reply = api.post(URL, **_forms(picture)[form])
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


@pytest.mark.parametrize("kind", pictures.accepted())
def test_ordinary_picture_is_answered(api: httpx.Client, kind: str) -> None:
    reply = api.post(URL, content=pictures.accepted()[kind], headers=PNG)
    assert reply.status_code == 200, reply.text
    assert sum(choice["probability"] for choice in reply.json()["predictions"][0]["top_k"]) <= 1.0001


@pytest.mark.parametrize("kind", pictures.refused())
def test_what_is_no_picture_gets_a_sentence(api: httpx.Client, kind: str) -> None:
    good, bad = pictures.accepted()["png"], pictures.refused()[kind]
    message = _sentence(api.post(URL, files=[("file", ("a", good)), ("file", ("b", bad))]), 422)
    assert message.startswith("Image 1: ")


def test_many_images_are_answered_in_order(api: httpx.Client) -> None:
    batch = [pictures.encoded(pictures.photo(32, 32, seed=i), "PNG") for i in range(64)]
    together = api.post(URL, files=[("file", (str(i), data)) for i, data in enumerate(batch)]).json()["predictions"]
    assert len(together) == 64
    for i in (0, 17, 63):
        alone = api.post(URL, content=batch[i], headers=PNG).json()["predictions"][0]
        assert alone["label"] == together[i]["label"]
        assert alone["probability"] == pytest.approx(together[i]["probability"], abs=0.01)


def test_concurrent_clients_each_get_their_own_answer(api: httpx.Client) -> None:
    batch = [pictures.encoded(pictures.photo(32, 32, seed=i), "PNG") for i in range(40)]

    def ask(data: bytes) -> tuple[str, float]:
        top = api.post(URL, content=data, headers=PNG).json()["predictions"][0]
        return top["label"], top["probability"]

    with ThreadPoolExecutor(16) as clients:
        together = list(clients.map(ask, batch))
    alone = [ask(data) for data in batch]
    assert [label for label, _ in together] == [label for label, _ in alone]


def test_view_shows_the_pixels_that_the_model_saw(api: httpx.Client) -> None:
    picture = pictures.accepted()["exif"]
    reply = api.post(f"{URL}?view=true", content=picture, headers=PNG).json()
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(reply["predictions"][0]["seen"]))))
    assert np.array_equal(seen, decode(picture, 32))


@pytest.mark.parametrize("k", [1, 10])
def test_top_k_is_as_long_as_asked(api: httpx.Client, k: int) -> None:
    reply = api.post(f"{URL}?top_k={k}", content=pictures.accepted()["png"], headers=PNG).json()
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
def test_wrong_query_is_named(api: httpx.Client, query: str, status: int, sentence: str) -> None:
    reply = api.post(f"{URL}?{query}", content=pictures.accepted()["png"], headers=PNG)
    assert sentence in _sentence(reply, status)


@pytest.mark.parametrize("version", ["1", "champion"])
def test_version_may_be_named(api: httpx.Client, version: str) -> None:
    reply = api.post(f"{URL}?version={version}", content=pictures.accepted()["png"], headers=PNG).json()
    assert reply["model"]["version"] == "1"


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        ({"content": b"", "headers": PNG}, 400, "empty"),
        ({"content": b"x" * 30_000_000, "headers": PNG}, 413, "20 MB"),
        ({"content": pictures.bomb(), "headers": PNG}, 413, "megapixels"),
        ({"files": [("file", (str(i), b"x")) for i in range(65)]}, 422, "65 images; send 1 to 64"),
        ({"files": [("picture", ("a", b"x"))]}, 422, "'picture'"),
        ({"json": {"images": ["not base64!"]}}, 422, "images[0] is not valid base64"),
        ({"json": {"images": [7]}}, 422, "images[0] is not text"),
        ({"json": {"images": []}}, 422, "0 images"),
        ({"json": {"image": "x"}}, 422, '{"images"'),
        ({"json": ["x"]}, 422, '{"images"'),
        ({"content": b"{broken", "headers": {"Content-Type": "application/json"}}, 400, "not valid JSON"),
        ({"content": b"hello", "headers": {"Content-Type": "text/plain"}}, 415, "text/plain"),
        ({"content": b"hello"}, 415, "Content-Type"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "multipart"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 400, "multipart"),
    ],
    ids=lambda value: "" if isinstance(value, (dict, int)) else value,
)
def test_wrong_body_is_named(api: httpx.Client, request_: dict, status: int, sentence: str) -> None:
    assert sentence in _sentence(api.post(URL, **request_), status)


MULTIPART = {"Content-Type": "multipart/form-data; boundary=edge"}


def _part(data: bytes, disposition: str = 'name="file"; filename="a.png"') -> bytes:
    return f"--edge\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + data + b"\r\n"


@pytest.mark.parametrize("url", ["/cifar10/predict", "/cifar10/compare?version=1"])
@pytest.mark.parametrize("end", [b"", b"--edge", b"--edge\r\n", b"--edg", b"--other--\r\n"])
def test_multipart_body_without_its_end_is_incomplete(api: httpx.Client, url: str, end: bytes) -> None:
    parts = _part(pictures.accepted()["png"]) * 2
    assert "is incomplete" in _sentence(api.post(url, content=parts + end, headers=MULTIPART), 400)
    whole = api.post(url, content=parts + b"--edge--", headers=MULTIPART)
    assert whole.status_code == 200, whole.text
    assert len((whole.json().get("champion") or whole.json())["predictions"]) == 2


def test_part_without_a_files_name_is_a_picture(api: httpx.Client) -> None:
    picture = pictures.encoded(pictures.photo(900, 700), "PNG", compress_level=0)
    assert len(picture) > 2**20
    body = _part(picture, 'name="file"') + _part(picture, "name=file") + b"--edge--\r\n"
    nameless = api.post(URL, content=body, headers=MULTIPART)
    assert nameless.status_code == 200, nameless.text
    named = api.post(URL, files={"file": ("a.png", picture)}).json()["predictions"][0]
    assert [one["label"] for one in nameless.json()["predictions"]] == [named["label"]] * 2


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
def test_wrong_route_or_method_is_named(api: httpx.Client, method: str, path: str, status: int) -> None:
    assert path in _sentence(api.request(method, path, content=b"x"), status)


def test_comparison_without_challenger_says_so(api: httpx.Client) -> None:
    reply = api.post("/cifar10/compare", content=pictures.accepted()["png"], headers=PNG)
    assert "no challenger" in _sentence(reply, 404)


def test_foreign_host_name_is_refused(api: httpx.Client) -> None:
    reply = api.post(URL, content=b"x", headers={**PNG, "Host": "rebound.example"})
    assert "localhost only" in _sentence(reply, 403)


def test_request_id_of_the_client_comes_back(api: httpx.Client) -> None:
    reply = api.post(URL, content=b"x", headers={**PNG, "X-Request-ID": "my-id-7"})
    assert reply.json()["request_id"] == "my-id-7"


def test_pictures_of_nothing_known_are_flagged_unsure(api: httpx.Client) -> None:
    random = np.random.default_rng(99)
    strange = [random.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(16)]
    strange += [np.full((50, 70, 3), random.integers(0, 256, 3), dtype=np.uint8) for _ in range(16)]
    stripes = [(np.arange(64) // width % 2 * 255).astype(np.uint8) for width in range(1, 17)]
    strange += [np.repeat(np.tile(line, (64, 1))[..., None], 3, axis=2) for line in stripes]
    files = [("file", (str(i), pictures.encoded(Image.fromarray(pixels), "PNG"))) for i, pixels in enumerate(strange)]
    predictions = api.post(URL, files=files).json()["predictions"]
    assert np.mean([p["unsure"] for p in predictions]) >= 0.8


def test_jpeg_of_too_many_scans_is_refused_and_pictures_are_answered_as_before(api: httpx.Client) -> None:
    message = _sentence(api.post(URL, content=pictures.scans(2_000), headers=PNG), 422)
    assert message.startswith("Image 0: The JPEG has more than 100 scans")
    assert api.post(URL, content=pictures.accepted()["jpeg"], headers=PNG).status_code == 200


def test_pictures_that_are_too_much_together_are_refused_before_they_are_decoded(api: httpx.Client) -> None:
    half = pictures.bomb(5_700, 5_700)
    message = _sentence(api.post(URL, files=[("file", ("a", half)), ("file", ("b", half))]), 413)
    assert message == "The images have 65.0 megapixels together; send at most 64 in a request."
