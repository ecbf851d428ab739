"""Promotions of the running app under load: no request is dropped, and each reply names the version that answered.

``test_third_model`` has the same for a model that a user added.
"""

from __future__ import annotations

import numpy as np
import requests

from models import catalog
from models.pictures.decode import decode
from settings import ROOT
from tests.helpers.clients.promotions import assert_no_request_is_dropped

PICTURE = (ROOT / "docs" / "example.png").read_bytes()


def _labels() -> dict[str, str]:
    """Each version's answer to the picture: version 2 answers the next class."""
    model = catalog.load(ROOT / "models" / "pretrained" / "cifar10")
    best = int(np.argmax(model.predict(decode(PICTURE, 32)[None])[0]))
    return {"1": model.labels[best], "2": model.labels[(best + 1) % 10]}


def test_promotion_drops_no_request(api: str) -> None:
    assert_no_request_is_dropped(
        api,
        "cifar10",
        _labels(),
        lambda body: body["predictions"][0]["label"],
        connections=32,
        data=PICTURE,
        headers={"Content-Type": "image/png"},
    )
    serving = requests.get(f"{api}/models/cifar10").json()["serving"]
    assert [replica["version"] for replica in serving] == ["1", "1"]
