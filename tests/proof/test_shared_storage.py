"""The app with nothing of value on its own disk: checkpoints and runs on S3, versions on an MLflow server."""

from __future__ import annotations

import pickle
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from mlflow.tracking import MlflowClient

from benchmarks.harness.running_app import RunningApp, free_port
from models import catalog, specs
from models.artifact import storage
from models.registry import CHAMPION, PRETRAINED, Registry
from settings import Settings
from tests.helpers.servers.aws import KEYS, aws_server
from tests.helpers.servers.mlflow import mlflow_server
from training.runs import fitting
from training.runs.lone_worker import Kept

BUCKET = "studio-app"
JOB_S = 240


@pytest.fixture(scope="module")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow"), free_port() + 1000) as url:
        yield url


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """A bucket of a server on loopback; ``meta.client.meta.endpoint_url`` is its address."""
    with aws_server() as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ENDPOINT_URL": url, **KEYS}.items():
            patch.setenv(name, value)
        yield boto3.resource("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)


def _names(bucket: Any, prefix: str) -> list[str]:
    found = bucket.objects.filter(Prefix=prefix)
    return [item.key.removeprefix(prefix) for item in found if not item.key.endswith("/")]


def _train(api: str, **config: Any) -> dict[str, Any]:
    """A training of the table model, followed to its end."""
    job = requests.post(f"{api}/jobs", json={"kind": "train", "model": "breast-cancer", "config": config}).json()
    deadline = time.monotonic() + JOB_S
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, job
        time.sleep(0.5)
        job = requests.get(f"{api}/jobs/{job['id']}").json()
    assert job["state"] == "succeeded", requests.get(f"{api}/jobs/{job['id']}/logs").text
    return job


def test_folder_of_this_machine_can_be_a_version_on_an_mlflow_server(tmp_path: Path, mlflow_url: str) -> None:
    settings = Settings(air_home=tmp_path, mlflow_tracking_uri=mlflow_url)
    registry = Registry(settings)
    folder = shutil.copytree(PRETRAINED / "cifar10", tmp_path / "checkpoints" / "cifar10" / "one")
    version = registry.register(str(folder))
    assert registry.resolve("cifar10", version).source == str(folder)
    registry.discard("cifar10", version)
    for model in specs.names():  # the server is shared with the other test, which begins with none
        registry.client.delete_registered_model(model)


def test_state_of_a_training_with_one_worker_stands_in_the_bucket(tmp_path: Path, bucket: Any) -> None:
    settings = Settings(air_home=tmp_path, air_storage=f"s3://{BUCKET}/alone")
    kept = Kept.of(fitting.run_config(settings, "cifar10", "abc"))
    assert kept.read() is None
    kept.write(b"after one epoch")
    kept.write(b"after two")
    assert _names(bucket, "alone/runs/") == ["cifar10-abc/training.pt"]
    on_another_node = pickle.loads(pickle.dumps(kept))
    assert on_another_node.read() == b"after two"
    fitting.forget(settings, "cifar10", "abc")
    assert _names(bucket, "alone/") == []


@pytest.mark.alone
def test_app_trains_promotes_and_discards_with_s3_and_an_mlflow_server(
    tmp_path: Path, bucket: Any, mlflow_url: str
) -> None:
    app = RunningApp(tmp_path / "home", AIR_STORAGE=f"s3://{BUCKET}/air", MLFLOW_TRACKING_URI=mlflow_url)
    row_url = f"{app.url}/api/models/breast-cancer/examples"
    try:
        app.start()
        api = f"{app.url}/api"
        assert set(_names(bucket, "air/cifar10/pretrained/")) >= {"manifest.json", "weights.pt"}
        first, second = _train(api, num_workers=2), _train(api, num_boost_round=20)
        assert [first["result"]["version"], second["result"]["version"]] == ["2", "3"]
        # Of two workers Ray Train keeps a state, in the bucket, until the version is there.
        assert not (tmp_path / "home" / "runs").exists()
        assert not any("checkpoint" in name for name in _names(bucket, "air/runs/"))

        client = MlflowClient(mlflow_url)
        sources = {item.version: item.source for item in client.search_model_versions("name='breast-cancer'")}
        assert all(source.startswith(f"s3://{BUCKET}/air/breast-cancer/") for source in sources.values())
        run = client.get_model_version("breast-cancer", "2").run_id
        assert "figures/confusion.html" in [item.path for item in client.list_artifacts(run, "figures")]

        model = f"{api}/models/breast-cancer"
        promoted = requests.post(f"{model}/promote", json={"version": "2", "force": True}).json()
        assert [replica["version"] for replica in promoted["serving"]] == ["2"]
        row = requests.get(row_url, params={"n": 1}).json()["examples"][0]["row"]
        assert requests.post(f"{api}/breast-cancer/predict", json=row).json()["model"]["version"] == "2"
        both = requests.post(f"{api}/breast-cancer/compare", params={"version": "3"}, json=row).json()
        assert (both["champion"]["model"]["version"], both["challenger"]["model"]["version"]) == ("2", "3")
        assert requests.get(f"{model}/versions/3/evaluation").json()["version"] == "3"

        requests.post(f"{model}/versions/3/discard").raise_for_status()
        assert _names(bucket, sources["3"].removeprefix(f"s3://{BUCKET}/")) == []
    finally:
        app.stop()

    # Another machine, which has nothing yet, would serve what this one put into service.
    elsewhere = Settings(
        air_home=tmp_path / "elsewhere", air_storage=f"s3://{BUCKET}/air", mlflow_tracking_uri=mlflow_url
    )
    champion = Registry(elsewhere).resolve("breast-cancer", CHAMPION)
    assert champion.version == "2"
    model = catalog.load_to_serve(storage.fetch(champion.source, elsewhere), elsewhere)
    assert model.metadata.training["num_workers"] == 2
