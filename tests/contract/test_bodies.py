"""Bodies as clients send them: compressed, encoded, of the wrong type; read, or refused with a clear message."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import httpx
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.helpers.in_process.studio import Studio
from tests.helpers.samples import pictures

JSON = {"Content-Type": "application/json"}
GZIP = {"Content-Encoding": "gzip"}
PROMOTE = "/models/breast-cancer/promote"
PICTURE = pictures.encoded(pictures.photo(), "PNG")
TEXT = base64.b64encode(PICTURE).decode()


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "sentence"),
    [
        (PROMOTE, '{"version":"1","reason":"Rückfall"}'.encode("latin-1"), JSON, 400, "not in UTF-8"),
        (PROMOTE, '{"version":"1"}'.encode("utf-16"), JSON, 400, "UTF-16"),
        (PROMOTE, '{"version":"1"}'.encode("utf-16-le"), JSON, 400, "UTF-16"),
        (PROMOTE, b"{broken", JSON, 400, "not valid JSON"),
        (PROMOTE, b"", JSON, 400, "The body is empty"),
        (PROMOTE, b"null", JSON, 400, "The body is null"),
        (PROMOTE, b'{"version":"1"}', {"Content-Type": "text/plain"}, 415, "'text/plain' is not supported here"),
        (PROMOTE, b'{"version":"1"}', {}, 415, "send application/json"),
        (PROMOTE, b"[]", JSON, 422, "The body must be a JSON object"),
        (PROMOTE, b"{}", JSON, 422, "Field 'version' is missing."),
        (PROMOTE, b'{"version":1}', JSON, 422, "Field 'version' must be text, got '1'."),
        (PROMOTE, b'{"version":"1","force":"perhaps"}', JSON, 422, "Field 'force' must be true or false"),
        (PROMOTE, b'{"version":"1","colour":1}', JSON, 422, "Field 'colour' is not known here"),
        ("/models/breast-cancer/rollback", b'{"reason":7}', JSON, 422, "Field 'reason' must be text"),
        ("/jobs", b'{"kind":"bake","model":"cifar10"}', JSON, 422, "'train', 'tune', 'batch_predict' or 'example'"),
        ("/jobs", b'{"kind":"train","model":"cifar10","config":[]}', JSON, 422, "'config' must be a JSON object"),
        ("/corrections", b'{"image":"","label":[]}', JSON, 422, "Field 'label' must be text"),
        (PROMOTE, b"x", JSON | {"Content-Encoding": "br"}, 415, "Content-Encoding 'br'"),
        (PROMOTE, b"no gzip", JSON | GZIP, 400, "not valid gzip"),
        (PROMOTE, gzip.compress(b"{}")[:-3], JSON | GZIP, 400, "cut off"),
    ],
)  # fmt: skip
def test_wrong_body_of_a_control_route_is_named(
    api: httpx.Client, path: str, content: bytes, headers: dict[str, str], status: int, sentence: str
) -> None:
    reply = api.post(path, content=content, headers=headers)
    assert reply.status_code == status, reply.text
    assert sentence in reply.json()["error"]["message"]
    assert "Input should" not in reply.text


def test_packed_bodies_and_the_mark_of_utf8_are_read(api: httpx.Client) -> None:
    plain = api.post("/cifar10/predict", json={"images": [TEXT]}).json()["predictions"]
    packed = gzip.compress(json.dumps({"images": [TEXT]}).encode())
    for content in (packed, packed[:20] + packed[20:], gzip.compress(b"") + packed):
        reply = api.post("/cifar10/predict", content=content, headers=JSON | GZIP)
        assert reply.json()["predictions"] == plain, reply.text
    marked = b"\xef\xbb\xbf" + json.dumps({"version": "1"}).encode()
    assert api.post(PROMOTE, content=gzip.compress(marked), headers=JSON | GZIP).status_code == 200


def test_packed_body_that_unpacks_to_too_much_is_too_large(api: httpx.Client) -> None:
    for path in ("/cifar10/predict", PROMOTE):
        reply = api.post(path, content=gzip.compress(b" " * 2**26), headers=JSON | GZIP)
        assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png;base64," + TEXT,
        "data:image/png;name=a.png;BASE64," + TEXT.replace("=", "%3D").replace("+", "%2B"),
        "\r\n".join(TEXT[i : i + 76] for i in range(0, len(TEXT), 76)) + "\n",
        base64.urlsafe_b64encode(PICTURE).decode(),
        TEXT.rstrip("="),
    ],
    ids=["data URL", "data URL in percent", "lines", "URL alphabet", "no padding"],
)
def test_base64_is_read_however_it_is_written(api: httpx.Client, text: str) -> None:
    plain = api.post("/cifar10/predict", json={"images": [TEXT]}).json()["predictions"]
    assert api.post("/cifar10/predict", json={"images": [text]}).json()["predictions"] == plain


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/openapi.json", "/docs"]
)
def test_head_is_answered_as_get_is_without_the_body(api: httpx.Client, path: str) -> None:
    reply = api.head(path)
    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["content-type"] == api.get(path).headers["content-type"]


@pytest.mark.parametrize("path", ["/models/", "/healthz/", "/v2/models/cifar10/", "/models/breast%2Dcancer"])
def test_path_with_a_slash_at_its_end_or_in_percent_is_that_path(api: httpx.Client, path: str) -> None:
    assert api.get(path).json() == api.get(path.rstrip("/").replace("%2D", "-")).json()
    picture = {"Content-Type": "image/png"}
    assert api.post("/cifar10/predict/", content=PICTURE, headers=picture).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/v2/models/cifar10/config", {}, 404),
        ("GET", "/v2/nothing", {}, 404),
        ("GET", "/v2/models/cifar10/infer", {}, 405),
        ("DELETE", "/v2", {}, 405),
        ("GET", "/v2", {"headers": {"Host": "evil.example"}}, 403),
        ("POST", "/v2/models/cifar10/infer", {"content": b" " * 30_000_000}, 413),
        ("POST", "/v2/models/cifar10/infer", {"content": b"{}", "headers": {"Content-Encoding": "br"}}, 415),
    ],
)
def test_every_error_of_the_protocol_has_its_form(
    api: httpx.Client, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    reply = api.request(method, path, **options)
    assert reply.status_code == status, reply.text
    assert isinstance(reply.json()["error"], str)


def test_client_that_others_wrote_is_told_of_a_route_that_there_is_not(studio: Studio) -> None:
    client = triton.InferenceServerClient(f"{studio.url.removeprefix('http://')}/api")
    with pytest.raises(InferenceServerException, match="There is no route"):
        client.get_model_config("cifar10")
    client.close()


@pytest.mark.parametrize(
    ("model", "config", "status", "sentence"),
    [
        ("cifar10", {"version": "77"}, 404, "no version '77'"),
        ("breast-cancer", {"data": "s3://bucket/rows.xlsx"}, 422, "files that end in '.xlsx' are not read"),
        ("cifar10", {"data": "s3://bucket/folder/pictures.zip"}, 422, "files that end in '.zip' are not read"),
    ],
)
def test_batch_that_could_not_run_is_refused_when_it_is_asked_for(
    admin: httpx.Client, model: str, config: dict[str, str], status: int, sentence: str
) -> None:
    reply = admin.post("/jobs", json={"kind": "batch_predict", "model": model, "config": config})
    assert (reply.status_code, sentence in reply.json()["error"]["message"]) == (status, True), reply.text
