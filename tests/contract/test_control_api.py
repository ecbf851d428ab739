"""The control API in this process: versions, features, examples, evaluations, health, documentation."""

from __future__ import annotations

import base64

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from models.artifact import checkpoint
from models.image.backends import has_fast_bf16
from models.pictures.decode import decode
from settings import ROOT
from tests.helpers.models import ROWS
from training.datasets import tables as table_data


def test_models_list_versions_and_what_each_replica_serves(api: httpx.Client) -> None:
    models = {model["name"]: model for model in api.get("/models").json()["models"]}
    assert set(models) == {"cifar10", "breast-cancer"}
    for name, model in models.items():
        shipped = checkpoint.read_metadata(ROOT / "models" / "pretrained" / name)
        newest = model["versions"][0]
        assert model["labels"] == shipped.labels
        assert (newest["version"], newest["aliases"]) == ("1", ["champion"])
        assert newest["metrics"] == shipped.metrics
        assert newest["source"]["data"]["fingerprint"] == shipped.data["fingerprint"]
        assert api.get(f"/models/{name}").json()["versions"] == model["versions"]
    assert len({replica["replica"] for replica in models["cifar10"]["serving"]}) == 2
    assert {replica["version"] for replica in models["cifar10"]["serving"]} == {"1"}
    precision = "bf16" if has_fast_bf16() else "fp32"
    assert {"backend": "openvino", "precision": precision}.items() <= models["cifar10"]["serving"][0].items()
    assert models["breast-cancer"]["serving"][0]["backend"] == "numpy"


def test_features_come_with_ranges_of_the_training_rows(api: httpx.Client) -> None:
    features = api.get("/models/breast-cancer/features").json()["features"]
    table = table_data.read(ROWS)
    matrix = table.rows("train")
    assert [feature["name"] for feature in features] == table.names
    assert sum(feature["group"] == "mean" and feature["group_title"] == "Mean values" for feature in features) == 10
    first = features[0]
    assert (first["min"], first["max"]) == (matrix[:, 0].min(), matrix[:, 0].max())


def test_row_examples_are_validation_rows_with_their_true_label(api: httpx.Client) -> None:
    table = table_data.read(ROWS)
    matrix, malignant = table.rows("validation"), table.part("validation")[1] == 0
    known = {tuple(row): flag for row, flag in zip(matrix, malignant, strict=True)}
    examples = api.get("/models/breast-cancer/examples?n=20").json()["examples"]
    assert len(examples) == 20
    for example in examples:
        assert known[tuple(example["row"].values())] == (example["label"] == "malignant")


def test_image_examples_can_be_sent_back(api: httpx.Client) -> None:
    examples = api.get("/models/cifar10/examples?n=5&seed=3").json()["examples"]
    labels = api.get("/models/cifar10").json()["labels"]
    assert len(examples) == 5
    for example in examples:
        assert example["label"] in labels
        assert decode(base64.b64decode(example["image"]), 32).shape == (32, 32, 3)
    assert api.get("/models/cifar10/examples?n=5&seed=3").json()["examples"] == examples


@pytest.mark.parametrize("version", ["1", "champion"])
@pytest.mark.parametrize("name", ["cifar10", "breast-cancer"])
def test_evaluation_is_the_shipped_one(api: httpx.Client, name: str, version: str) -> None:
    reply = api.get(f"/models/{name}/versions/{version}/evaluation").json()
    shipped = checkpoint.read_evaluation(ROOT / "models" / "pretrained" / name)
    assert reply["version"] == "1"
    assert reply["validation"] == shipped["validation"]
    assert reply["test"] == shipped["test"]
    assert sum(map(sum, reply["validation"]["confusion"]["matrix"])) == reply["validation"]["rows"]
    assert (reply["thresholds"] is not None) == (name == "breast-cancer")


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/models/mnist", 404, "there are cifar10 and breast-cancer"),
        ("/models/cifar10/features", 404, "takes pictures"),
        ("/models/cifar10/versions/9/evaluation", 404, "no version '9'; there are: 1"),
        ("/models/cifar10/versions/challenger/evaluation", 404, "no challenger"),
        ("/models/cifar10/examples?n=0", 422, "Query option 'n' must be at least 1, got '0'."),
        ("/models/cifar10/examples?n=1000", 422, "Query option 'n' must be at most 60, got '1000'."),
        ("/models/cifar10/examples?n=x", 422, "Query option 'n' must be a whole number, got 'x'."),
    ],
)
def test_wrong_question_is_answered_with_what_would_be_right(
    api: httpx.Client, path: str, status: int, sentence: str
) -> None:
    reply = api.get(path)
    assert reply.status_code == status
    assert sentence in reply.json()["error"]["message"]
    assert reply.json()["request_id"]


def test_health_and_readiness(api: httpx.Client) -> None:
    assert api.get("/healthz").json() == {"status": "alive"}
    reply = api.get("/readyz")
    assert reply.status_code == 200
    assert reply.json() == {"ready": True, "models": {"cifar10": "ready", "breast-cancer": "ready"}}


def test_documentation_is_complete_and_needs_no_other_host(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()
    assert {"/cifar10/predict", "/breast-cancer/predict", "/cifar10/compare", "/models", "/readyz"} <= set(
        document["paths"]
    )
    assert "multipart/form-data" in document["paths"]["/cifar10/predict"]["post"]["requestBody"]["content"]
    schemas = document["components"]["schemas"]
    used = {part.split('"')[0] for part in str(document).replace("'", '"').split("#/components/schemas/")[1:]}
    assert used <= set(schemas)
    page = api.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    script = next(part for part in page.text.split('"') if part.endswith("swagger-ui-bundle.js"))
    assert api.get(f"http://localhost:7860{script}").status_code == 200


def test_replies_follow_the_documented_schemas(api: httpx.Client) -> None:
    from serve_deployments.schemas.base import ErrorReply, Readiness
    from serve_deployments.schemas.models import Examples, Features, Models
    from serve_deployments.schemas.predict import RowReply

    row = api.get("/models/breast-cancer/examples?n=1").json()["examples"][0]["row"]
    replies = {
        Models: api.get("/models").json(),
        Features: api.get("/models/breast-cancer/features").json(),
        Examples: api.get("/models/cifar10/examples?n=2").json(),
        Readiness: api.get("/readyz").json(),
        RowReply: api.post("/breast-cancer/predict?explain=true", json=row).json(),
        ErrorReply: api.get("/models/none").json(),
    }
    for schema, body in replies.items():
        schema.model_validate(body)


def test_metrics_count_requests_errors_latency_and_batches_by_model_and_version(api: httpx.Client) -> None:
    def figures() -> dict[str, float]:
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(api.get("/metrics").text):
            for sample in family.samples:
                labels = {key: value for key, value in sample.labels.items() if key != "replica"}
                name = f"{sample.name} {sorted(labels.items())}"
                found[name] = found.get(name, 0) + sample.value
        return found

    def key(name: str, **labels: str) -> str:
        return f"{name} {sorted(labels.items())}"

    row = api.get("/models/breast-cancer/examples?n=1").json()["examples"][0]["row"]
    before = figures()
    for _ in range(5):
        api.post("/breast-cancer/predict", json=[row] * 3)
    api.post("/breast-cancer/predict", json=[])
    after = figures()

    def grown(name: str, **labels: str) -> float:
        return after.get(key(name, **labels), 0) - before.get(key(name, **labels), 0)

    assert grown("air_requests_total", model="breast-cancer", version="1", status="200") == 5
    assert grown("air_errors_total", model="breast-cancer", status="422") == 1
    assert grown("air_request_seconds_count", model="breast-cancer", version="1") == 5
    assert grown("air_batch_size_sum", model="breast-cancer") == 15
    assert after[key("air_ongoing_requests", model="breast-cancer")] == 0
    assert after[key("air_queue_items", model="cifar10")] == 0
