"""Corrected answers: kept with their picture, refused for held-out pictures, and learned from when asked to."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from models import catalog
from models.images import ImageError
from settings import Settings
from tests.helpers import pictures
from tests.helpers.running_app import RunningApp
from training import cifar10
from training.config import TrainCifar10
from training.corrections import HeldOut, Store
from training.datasets import cifar10 as dataset
from training.errors import DataError

RUN = {"epochs": 3, "batch_size": 50, "num_workers": 1, "preset": "quick"}


def _png(seed: int = 0, size: int = 32) -> bytes:
    """A picture unlike any class of the small data set: broad stripes."""
    pixels = np.zeros((size, size, 3), dtype=np.uint8)
    pixels[:, :: 2 + seed % 3] = (250, 250, 30)
    return pictures.encoded(Image.fromarray(pixels), "PNG")


def test_training_is_wrong_before_the_correction_and_right_after(training_settings: Settings) -> None:
    picture = _png()
    model = catalog.load(cifar10.train(TrainCifar10(**RUN), training_settings)[1])
    pixels = np.asarray(Image.open(io.BytesIO(picture)))[None]
    answered = model.labels[model.predict(pixels)[0].argmax()]
    truth = next(label for label in reversed(model.labels) if label != answered)
    Store(training_settings).add(picture, truth, answered, "1")
    _, folder, _ = cifar10.train(TrainCifar10(**RUN, use_corrections=True), training_settings)
    learned = catalog.load(folder)
    assert learned.labels[learned.predict(pixels)[0].argmax()] == truth
    assert learned.metadata.data["corrections"] == 1
    assert learned.metadata.data["fingerprint"] == model.metadata.data["fingerprint"], "the gate could not compare"
    Store(training_settings).remove(Store(training_settings).all()[0].id)
    with pytest.raises(DataError, match="no corrections to learn from"):
        cifar10.train(TrainCifar10(**RUN, use_corrections=True), training_settings)


def test_held_out_pictures_are_refused_whatever_file_they_come_in(tmp_path: Path, small_cifar10: Path) -> None:
    settings = Settings(air_home=tmp_path, cifar10_dir=small_cifar10)
    store, splits = Store(settings), dataset.load(settings)
    for part in (splits.test, splits.validation):
        stored = part.stored[0].as_py()
        again = pictures.encoded(Image.open(io.BytesIO(stored)), "BMP")
        for data in (stored, again):
            with pytest.raises(HeldOut, match="validation or the test images"):
                store.add(data, "cat", None, None)
    store.add(splits.train.stored[0].as_py(), "cat", None, None)
    assert len(store.all()) == 1


def test_test_picture_kept_where_there_was_no_data_is_not_learned_from(
    training_settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    without = training_settings.model_copy(update={"cifar10_dir": None})
    test = dataset.load(training_settings).test
    Store(without).add(test.stored[3].as_py(), "cat", None, None)
    with pytest.raises(DataError, match="no corrections"):
        cifar10.train(TrainCifar10(**RUN, use_corrections=True), training_settings)
    assert "is left out" in capfd.readouterr().out
    Store(without).remove(Store(without).all()[0].id)


def test_same_picture_has_one_correction_and_the_newest_comes_first(tmp_path: Path) -> None:
    store = Store(Settings(air_home=tmp_path, cifar10_dir=None))
    first, other = store.add(_png(0), "cat", "dog", "1"), store.add(_png(1), "dog", None, None)
    again = store.add(_png(0), "frog", "dog", "2")
    assert again.id == first.id != other.id
    assert [(item.label, item.answered, item.version) for item in store.all()] == [
        ("frog", "dog", "2"),
        ("dog", None, None),
    ]
    with pytest.raises(ImageError, match="not a picture"):
        store.add(b"hello", "cat", None, None)


def test_correction_by_http_is_listed_with_its_picture_and_can_be_removed(
    public_app: RunningApp, admin: requests.Session
) -> None:
    url = f"{public_app.url}/api/corrections"
    body = {"image": base64.b64encode(_png(2, 64)).decode(), "label": "frog", "answered": "cat", "version": "1"}
    assert requests.post(url, json=body).status_code == 401
    kept = admin.post(url, json=body)
    assert kept.status_code == 201, kept.text
    listed = requests.get(url).json()["corrections"]
    assert listed == [kept.json()]
    assert Image.open(io.BytesIO(base64.b64decode(listed[0]["image"]))).size == (32, 32)
    example = requests.get(f"{public_app.url}/api/models/cifar10/examples?n=1").json()["examples"][0]
    for change, status, sentence in (
        ({"label": "toad"}, 422, "there are airplane, automobile"),
        ({"image": "%%%"}, 422, "no valid base64"),
        ({"image": base64.b64encode(b"hello").decode()}, 422, "not a picture"),
        ({"image": base64.b64encode(pictures.bomb()).decode()}, 413, "megapixels"),
        ({"image": example["image"]}, 409, "validation or the test images"),
    ):
        reply = admin.post(url, json=body | change)
        assert (reply.status_code, sentence in reply.json()["error"]["message"]) == (status, True), reply.text
    assert requests.delete(f"{url}/{listed[0]['id']}").status_code == 401
    assert admin.delete(f"{url}/..%2f..").status_code == 404
    assert admin.delete(f"{url}/{listed[0]['id']}").json() == {"corrections": []}
    assert admin.delete(f"{url}/{listed[0]['id']}").status_code == 404
