"""The Open Inference Protocol with a third-party client, and with raw requests where that client makes no errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from models import catalog
from models.artifact import checkpoint
from tests.helpers.in_process.studio import Studio
from tests.helpers.models import ROWS
from tests.helpers.samples.versions import SHIPPED
from training.datasets import tables as table_data


@pytest.fixture(scope="module")
def client(studio: Studio) -> Iterator[triton.InferenceServerClient]:
    """The client has its own HTTP stack, so it connects to the studio over a socket."""
    client = triton.InferenceServerClient(f"{studio.url.removeprefix('http://')}/api")
    yield client
    client.close()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.load(SHIPPED / "cifar10" / checkpoint.GOLDEN)["inputs"][:3]


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return table_data.read(ROWS).rows("validation", 5)


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
TWO = TENSOR | {"shape": [2, 30]}
WITHOUT_DATA = {key: value for key, value in TENSOR.items() if key != "data"}


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({}, 400, "must be a list with one tensor"),
        ({"inputs": [TENSOR, TENSOR]}, 400, "must be a list with one tensor"),
        ({"inputs": ["rows"]}, 400, "must be a list with one tensor"),
        ({"inputs": [TENSOR | {"name": ["rows"]}]}, 400, "There is no input"),
        ({"inputs": [TENSOR | {"datatype": "INT64"}]}, 400, "FP64 or FP32"),
        ({"inputs": [TENSOR | {"datatype": ["FP64"]}]}, 400, "FP64 or FP32"),
        ({"inputs": [TENSOR | {"datatype": "BOOL"}]}, 400, "FP64 or FP32"),
        ({"inputs": [TENSOR | {"shape": [30]}]}, 400, "shape [-1, 30]"),
        ({"inputs": [TENSOR | {"shape": [0, 30]}]}, 400, "shape [-1, 30]"),
        ({"inputs": [TENSOR | {"shape": [True, 30]}]}, 400, "shape [-1, 30]"),
        ({"inputs": [TENSOR | {"shape": "1,30"}]}, 400, "shape [-1, 30]"),
        ({"inputs": [TENSOR | {"shape": [20000, 30]}]}, 413, "send 1 to 10,000"),
        ({"inputs": [TENSOR | {"data": ROW[:-1]}]}, 400, "must be flat, 30 numbers"),
        ({"inputs": [TENSOR | {"data": [*ROW[:-1], "x"]}]}, 400, "must be 30 numbers"),
        ({"inputs": [TENSOR | {"data": [*ROW[:-1], True]}]}, 400, "must be 30 numbers"),
        ({"inputs": [TENSOR | {"data": [*ROW[:-1], None]}]}, 400, "must be 30 numbers"),
        ({"inputs": [TENSOR | {"data": [[1], [2, 3]]}]}, 400, "nested exactly as shape"),
        ({"inputs": [TENSOR | {"data": [[value] for value in ROW]}]}, 400, "nested exactly as shape [1, 30]"),
        ({"inputs": [TENSOR | {"data": [[ROW]]}]}, 400, "nested exactly as shape"),
        ({"inputs": [TWO | {"data": [[1.0, 2.0]] * 30}]}, 400, "nested exactly as shape [2, 30]"),
        ({"inputs": [TWO | {"data": [[1.0] * 15] * 4}]}, 400, "nested exactly as shape [2, 30]"),
        ({"inputs": [TWO | {"data": [ROW, ROW[:-1]]}]}, 400, "nested exactly as shape [2, 30]"),
        ({"inputs": [TENSOR | {"data": "1.0"}]}, 400, "must be flat"),
        ({"inputs": [TENSOR | {"data": {"0": 1}}]}, 400, "must be flat"),
        ({"inputs": [TENSOR | {"data": [*ROW[:-1], 1e300]}]}, 400, "a finite number between -1e30 and 1e30"),
        (
            {"inputs": [TENSOR | {"data": [*ROW[:-1], 1e300], "datatype": "FP32"}]},
            400,
            "a finite number between -1e30 and 1e30",
        ),
        ({"inputs": [TENSOR | {"parameters": {"binary_data_size": 240}}]}, 400, "either 'data' or"),
        ({"inputs": [WITHOUT_DATA]}, 400, "either 'data' or"),
        ({"inputs": [WITHOUT_DATA | {"parameters": {"binary_data_size": 240}}]}, 400, "240 bytes behind the JSON"),
        ({"inputs": [WITHOUT_DATA | {"parameters": {"binary_data_size": "240"}}]}, 400, "240 bytes behind the JSON"),
        ({"inputs": [TENSOR | {"parameters": "none"}]}, 400, "'parameters' of input 'rows' must be an object"),
        ({"inputs": [TENSOR], "parameters": [1]}, 400, "'parameters' of the request must be an object"),
        ({"inputs": [TENSOR], "parameters": {"binary_data_output": "yes"}}, 400, "must be true or false"),
        ({"inputs": [TENSOR], "outputs": [{"name": "shap"}]}, 400, "There is no output 'shap'"),
        ({"inputs": [TENSOR], "outputs": [{"name": ["labels"]}]}, 400, "There is no output"),
        ({"inputs": [TENSOR], "outputs": ["labels"]}, 400, '[{"name": "labels"}]'),
        ({"inputs": [TENSOR], "outputs": "labels"}, 400, "must be a list of objects"),
        ({"inputs": [TENSOR], "outputs": {"name": "labels"}}, 400, "must be a list of objects"),
        ({"inputs": [TENSOR], "outputs": False}, 400, "must be a list of objects"),
        ({"inputs": [TENSOR], "outputs": [{"name": "labels", "parameters": 1}]}, 400, "must be an object"),
        ({"inputs": [TENSOR], "outputs": [{"name": "labels", "parameters": {"binary_data": 1}}]}, 400, "true or false"),
        ({"inputs": [TENSOR], "id": 7}, 400, "'id' must be text"),
        ([], 400, "JSON object"),
    ],
)
def test_wrong_tensor_is_told_what_is_wrong(api: httpx.Client, body: Any, status: int, sentence: str) -> None:
    reply = api.post("/v2/models/breast-cancer/infer", json=body)
    assert reply.status_code == status, reply.text
    assert sentence in reply.json()["error"]


def test_nested_data_is_read_as_flat_is_and_never_turned(
    api: httpx.Client, rows: np.ndarray, images: np.ndarray
) -> None:
    def ask(model: str, name: str, datatype: str, values: np.ndarray, data: list) -> httpx.Response:
        tensor = {"name": name, "datatype": datatype, "shape": list(values.shape), "data": data}
        return api.post(f"/v2/models/{model}/infer", json={"inputs": [tensor]})

    for model, name, datatype, values in (
        ("breast-cancer", "rows", "FP64", rows),
        ("cifar10", "images", "UINT8", images),
    ):
        nested = ask(model, name, datatype, values, values.tolist()).json()["outputs"]
        assert nested == ask(model, name, datatype, values, values.reshape(-1).tolist()).json()["outputs"]
        turned = ask(
            model, name, datatype, values, np.moveaxis(values, -1, 1).tolist() if values.ndim > 2 else values.T.tolist()
        )
        assert (turned.status_code, "nothing is reshaped" in turned.json()["error"]) == (400, True)


def test_bytes_that_no_tensor_takes_are_refused(api: httpx.Client) -> None:
    content = orjson.dumps({"inputs": [TENSOR]})
    headers = {"Inference-Header-Content-Length": str(len(content))}
    reply = api.post("/v2/models/breast-cancer/infer", content=content + b"\0" * 8, headers=headers)
    assert (reply.status_code, reply.json()["error"][:33]) == (400, "There are 8 bytes behind the JSON")


@pytest.mark.parametrize("length", ["-1", "x", "99999999", "", "²".encode("latin-1"), "9" * 5_000])
def test_wrong_header_length_is_told(api: httpx.Client, length: str | bytes) -> None:
    url = "/v2/models/breast-cancer/infer"
    reply = api.post(url, json={"inputs": [TENSOR]}, headers={"Inference-Header-Content-Length": length})
    assert reply.status_code == 400
    assert "length in bytes" in reply.json()["error"]
