"""The Open Inference Protocol by a client that others wrote, and by hand where that client cannot err."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from models import catalog, checkpoint
from tests.helpers.studio import Studio
from tests.helpers.versions import SHIPPED
from training.datasets import breast_cancer as table_data


@pytest.fixture(scope="module")
def client(studio: Studio) -> Iterator[triton.InferenceServerClient]:
    """It speaks HTTP of its own, so it asks the studio over a socket."""
    client = triton.InferenceServerClient(f"{studio.url.removeprefix('http://')}/api")
    yield client
    client.close()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.load(SHIPPED / "cifar10" / checkpoint.GOLDEN)["inputs"][:3]


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return table_data.read_shipped().part("validation")[0][:5]


def _ask(client: triton.InferenceServerClient, model: str, name: str, values: np.ndarray, binary: bool) -> Any:
    datatype = {"uint8": "UINT8", "float64": "FP64", "float32": "FP32"}[str(values.dtype)]
    tensor = triton.InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    outputs = client.get_model_metadata(model)["outputs"]
    wanted = [triton.InferRequestedOutput(output["name"], binary_data=binary) for output in outputs]
    return client.infer(model, [tensor], outputs=wanted, request_id="seven")


def test_health_and_metadata(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["name"] == "air-studio"
    for model, shape in (("cifar10", [-1, 32, 32, 3]), ("breast-cancer", [-1, 30])):
        assert client.is_model_ready(model)
        assert client.is_model_ready(model, "1")
        assert not client.is_model_ready(model, "9")
        metadata = client.get_model_metadata(model)
        assert metadata["versions"] == ["1"]
        assert metadata["inputs"][0]["shape"] == shape
    assert not client.is_model_ready("mnist")


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "json"])
def test_image_tensor_gets_the_models_own_answer(
    client: triton.InferenceServerClient, images: np.ndarray, binary: bool
) -> None:
    result = _ask(client, "cifar10", "images", images, binary)
    model = catalog.load(SHIPPED / "cifar10")
    expected = model.predict(images)
    assert result.as_numpy("probabilities") == pytest.approx(expected, abs=0.02)
    labels = [str(label.decode() if binary else label) for label in result.as_numpy("labels")]
    assert labels == [model.labels[i] for i in expected.argmax(1)]
    assert result.get_response()["model_version"] == "1"
    assert result.get_response()["id"] == "seven"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "json"])
def test_rows_tensor_gets_the_models_own_answer(
    client: triton.InferenceServerClient, rows: np.ndarray, binary: bool, dtype: str
) -> None:
    result = _ask(client, "breast-cancer", "rows", rows.astype(dtype), binary)
    model = catalog.load(SHIPPED / "breast-cancer")
    expected = model.predict(rows.astype(dtype).astype(np.float64))
    assert result.as_numpy("probability_malignant") == pytest.approx(expected, abs=1e-9)
    labels = [str(label.decode() if binary else label) for label in result.as_numpy("labels")]
    assert labels == ["malignant" if probability >= 0.5 else "benign" for probability in expected]


def test_default_outputs_of_a_client_that_names_none(client: triton.InferenceServerClient, rows: np.ndarray) -> None:
    tensor = triton.InferInput("rows", list(rows.shape), "FP64")
    tensor.set_data_from_numpy(rows)
    result = client.infer("breast-cancer", [tensor])
    assert result.as_numpy("probability_malignant").shape == (5,)


def test_error_is_the_protocols_own_form(client: triton.InferenceServerClient, images: np.ndarray) -> None:
    with pytest.raises(InferenceServerException, match="There is no input 'pictures'; the input is 'images'"):
        _ask(client, "cifar10", "pictures", images, binary=True)
    tensor = triton.InferInput("images", list(images.shape), "UINT8")
    with pytest.raises(InferenceServerException, match="Version '9' of cifar10 is not served"):
        client.infer("cifar10", [tensor.set_data_from_numpy(images)], model_version="9")


ROW = [1.0] * 30
TENSOR = {"name": "rows", "datatype": "FP64", "shape": [1, 30], "data": ROW}


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({}, 422, "must be a list with one tensor"),
        ({"inputs": [TENSOR, TENSOR]}, 422, "must be a list with one tensor"),
        ({"inputs": [TENSOR | {"datatype": "INT64"}]}, 422, "FP64 or FP32"),
        ({"inputs": [TENSOR | {"shape": [30]}]}, 422, "shape [-1, 30]"),
        ({"inputs": [TENSOR | {"shape": [0, 30]}]}, 422, "shape [-1, 30]"),
        ({"inputs": [TENSOR | {"shape": [20000, 30]}]}, 413, "send 1 to 10,000"),
        ({"inputs": [TENSOR | {"data": ROW[:-1]}]}, 422, "must be 30 numbers"),
        ({"inputs": [TENSOR | {"data": [*ROW[:-1], "x"]}]}, 422, "must be 30 numbers"),
        ({"inputs": [TENSOR | {"data": [[1], [2, 3]]}]}, 422, "must be 30 numbers"),
        ({"inputs": [TENSOR | {"data": [*ROW[:-1], 1e300]}]}, 422, "finite numbers"),
        ({"inputs": [TENSOR | {"parameters": {"binary_data_size": 240}}]}, 400, "240 bytes behind the JSON"),
        ({"inputs": [TENSOR], "outputs": [{"name": "shap"}]}, 422, "There is no output 'shap'"),
        ([], 400, "JSON object"),
    ],
)
def test_wrong_tensor_is_told_what_is_wrong(api: httpx.Client, body: Any, status: int, sentence: str) -> None:
    reply = api.post("/v2/models/breast-cancer/infer", json=body)
    assert reply.status_code == status, reply.text
    assert sentence in reply.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "99999999", "", "²".encode("latin-1"), "9" * 5_000])
def test_wrong_header_length_is_told(api: httpx.Client, length: str | bytes) -> None:
    url = "/v2/models/breast-cancer/infer"
    reply = api.post(url, json={"inputs": [TENSOR]}, headers={"Inference-Header-Content-Length": length})
    assert reply.status_code == 400
    assert "length in bytes" in reply.json()["error"]
