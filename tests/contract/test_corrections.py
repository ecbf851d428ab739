"""Corrections over HTTP: kept with their picture, listed, removed, and refused with a reason."""

from __future__ import annotations

import base64
import io

import httpx
from PIL import Image

from tests.helpers.samples import pictures


def test_correction_by_http_is_listed_with_its_picture_and_can_be_removed(
    anyone: httpx.Client, admin: httpx.Client
) -> None:
    url = "/corrections"
    body = {
        "image": base64.b64encode(pictures.encoded(pictures.photo(64, 64, seed=2), "PNG")).decode(),
        "label": "frog",
        "answered": "cat",
        "version": "1",
    }
    assert anyone.post(url, json=body).status_code == 401
    kept = admin.post(url, json=body)
    assert kept.status_code == 201, kept.text
    listed = anyone.get(url).json()["corrections"]
    assert listed == [kept.json()]
    assert Image.open(io.BytesIO(base64.b64decode(listed[0]["image"]))).size == (32, 32)
    example = anyone.get("/models/cifar10/examples?n=1").json()["examples"][0]
    for change, status, sentence in (
        ({"label": "toad"}, 422, "there are airplane, automobile"),
        ({"image": "%%%"}, 422, "not valid base64"),
        ({"image": base64.b64encode(b"hello").decode()}, 422, "not a picture"),
        ({"image": base64.b64encode(pictures.bomb()).decode()}, 413, "megapixels"),
        ({"image": example["image"]}, 409, "validation or test images"),
    ):
        reply = admin.post(url, json=body | change)
        assert (reply.status_code, sentence in reply.json()["error"]["message"]) == (status, True), reply.text
    assert anyone.delete(f"{url}/{listed[0]['id']}").status_code == 401
    assert admin.delete(f"{url}/..%2f..").status_code == 404
    assert admin.delete(f"{url}/{listed[0]['id']}").json() == {"corrections": []}
    assert admin.delete(f"{url}/{listed[0]['id']}").status_code == 404
