"""Models that a user adds and deletes over HTTP: what is refused, and that a deleted model leaves nothing behind."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pytest

from models import specs
from models.artifact import checkpoint
from models.registry import Registry
from models.specs import folders
from models.table.model import TableModel
from settings import ROOT, get_settings
from tests.helpers.clients.screens import ADMIN_TOKEN
from tests.helpers.in_process.played import Played, wait_for
from tests.helpers.in_process.studio import Studio
from training.datasets.store import Datasets
from training.tuning import studies

T = TypeVar("T")
SHIPPED = ROOT / "models" / "pretrained" / "breast-cancer"
STUDY = studies.Header(
    study="s1",
    model="wine",
    state="failed",
    metric="validation_logloss",
    mode="min",
    config={},
    step="round",
    num_samples=1,
    created="2026-01-01T00:00:00+00:00",
)
ROW = [*np.load(SHIPPED / checkpoint.GOLDEN)["inputs"][0]]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A public studio whose AIR_HOME is that of the process, too."""
    home = tmp_path_factory.mktemp("own") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIR_HOME", str(home))
        get_settings.cache_clear()
        with Studio(home, air_mode="public", air_admin_token=ADMIN_TOKEN) as studio:
            yield studio
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def dataset(own: Studio) -> str:
    """The id of a dataset: the shipped model's table."""
    with (specs.get("breast-cancer").folder / "breast_cancer.csv").open("rb") as file:
        return Datasets(own.settings).add(file, "my.csv", "table").dataset


@pytest.fixture
def admin(own: Studio) -> httpx.Client:
    """Its admin."""
    return own.client(ADMIN_TOKEN)


@pytest.fixture
def wine(own: Studio, admin: httpx.Client, dataset: str) -> Iterator[dict[str, Any]]:
    """The reply to a new model, wine; it is deleted after the test if it is still there."""
    reply = admin.post("/models", json={"name": "wine", "dataset": dataset, "title": "Wine"})
    assert reply.status_code == 201, reply.text
    yield reply.json()
    for job in admin.get("/jobs").json()["jobs"]:
        admin.post(f"/jobs/{job['id']}/cancel")
    wait_for(lambda: all(job["state"] in ("stopped", "succeeded") for job in admin.get("/jobs").json()["jobs"]))
    own.replicas.states.clear()
    assert admin.delete("/models/wine").status_code in (204, 404)


def _run(studio: Studio, work: Coroutine[Any, Any, T]) -> T:
    """The result of something asynchronous in the studio's process."""
    return asyncio.run_coroutine_threadsafe(work, studio.loop).result(30)


def _add_version(home: Path, run: str = "run") -> str:
    """A version of wine: the shipped trees under its name."""
    shipped = TableModel.load(SHIPPED)
    model = TableModel(shipped.learner, shipped.metadata.model_copy(update={"model": "wine"}))
    folder = home / "checkpoints" / "wine" / run
    with checkpoint.writing(folder) as made:
        shutil.copyfile(SHIPPED / checkpoint.EVALUATION, made / checkpoint.EVALUATION)
        shutil.copyfile(SHIPPED / checkpoint.GOLDEN, made / checkpoint.GOLDEN)
        (made / checkpoint.METADATA).write_text(model.metadata.model_dump_json())
        model.save(made)
    return Registry(get_settings()).register(str(folder))


def test_new_model_has_the_routes_of_every_model(own: Studio, admin: httpx.Client, wine: dict[str, Any]) -> None:
    assert (wine["name"], wine["about"]["title"], wine["about"]["own"], wine["versions"]) == ("wine", "Wine", True, [])
    assert [model["about"]["own"] for model in admin.get("/models").json()["models"]] == [False, False, True]
    features = checkpoint.read_metadata(SHIPPED).config["features"]
    row = dict(zip(features, map(float, ROW), strict=True))
    assert admin.post("/wine/predict", json=row).json()["error"]["message"] == "wine has no version yet; train one."
    assert _add_version(own.home) == "1"
    assert admin.post("/wine/predict", json=row).json()["model"] == {"name": "wine", "version": "1"}
    document = admin.get("/openapi.json").json()
    assert "/wine/predict" in document["paths"]
    assert "wine" in next(
        parameter["schema"]["examples"]
        for parameter in document["paths"]["/v2/models/{name}"]["get"]["parameters"]
        if parameter["name"] == "name"
    )
    assert admin.get("/v2/models/wine").json()["versions"] == ["1"]
    assert admin.get("/readyz").json() == {"ready": True, "models": dict.fromkeys(specs.names(), "ready")}


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"name": "wine"}, 409, "There is a model wine already"),
        ({"name": "jobs"}, 409, "jobs is a path of the API"),
        ({"name": "cifar10"}, 409, "There is a model cifar10 already"),
        (
            {"name": "Beer"},
            422,
            "Field 'name' must be a letter and at most 39 more letters (a to z), digits and hyphens.",
        ),
        ({"name": "beer", "dataset": 1}, 422, "Field 'dataset' must be text"),
        ({"name": "beer", "colour": "red"}, 422, "Field 'colour' is not known here"),
        ({"name": "beer", "dataset": "d9"}, 404, "There is no dataset 'd9'"),
        ({"name": "beer", "target": "age"}, 422, "target: there is no column 'age'; there are: mean "),
        ({"name": "beer", "kind": "several"}, 422, "Field 'kind' must be 'binary', 'multiclass' or"),
        ({"name": "beer", "columns": {"age": {}}}, 422, "columns.age: there is no such column"),
        ({"name": "beer", "columns": {"mean radius": {"kind": "sound"}}}, 422, "must be 'number', "),
        ({"name": "beer", "title": "Wine"}, 422, "is titled 'Wine' already"),
    ],
)
def test_wrong_request_is_refused_in_one_sentence(
    admin: httpx.Client, dataset: str, wine: dict[str, Any], body: dict[str, Any], status: int, sentence: str
) -> None:
    reply = admin.post("/models", json={"dataset": dataset, **body})
    assert (reply.status_code, sentence in reply.json()["error"]["message"]) == (status, True), reply.text
    assert len(admin.get("/models").json()["models"]) == 3


def test_field_of_a_wrong_request_is_there_for_programs(admin: httpx.Client, dataset: str) -> None:
    columns = {"mean radius": {"preprocess": ["one-hot"]}}
    error = admin.post("/models", json={"name": "beer", "dataset": dataset, "columns": columns}).json()["error"]
    assert error["detail"]["field"] == ["columns", "mean radius", "preprocess"]
    assert error["detail"]["problem"].startswith("one-hot does not fit a column of the kind number; these do: standard")


def test_only_so_many_models_fit(admin: httpx.Client, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "get_settings", lambda: get_settings().model_copy(update={"air_max_models": 2}))
    reply = admin.post("/models", json={"name": "wine", "dataset": dataset})
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "conflict")
    assert "There are 2 models, which is the limit" in reply.json()["error"]["message"]


def test_model_that_cannot_be_started_is_not_there(own: Studio, admin: httpx.Client, dataset: str) -> None:
    own.replicas.states["wine"] = "down"
    try:
        assert admin.post("/models", json={"name": "wine", "dataset": dataset}).status_code == 503
    finally:
        own.replicas.states.clear()
    assert admin.get("/models/wine").status_code == 404
    assert not (own.home / "models" / "wine").exists()


def test_shipped_and_unknown_models_cannot_be_deleted(admin: httpx.Client) -> None:
    reply = admin.delete("/models/cifar10")
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "conflict")
    assert "cifar10 ships with AIR Studio" in reply.json()["error"]["message"]
    assert admin.delete("/models/beer").status_code == 404


def test_changes_need_the_token(own: Studio, dataset: str, wine: dict[str, Any]) -> None:
    anyone = own.client()
    assert anyone.post("/models", json={"name": "beer", "dataset": dataset}).status_code == 401
    assert anyone.delete("/models/wine").status_code == 401
    assert anyone.get("/models/wine").status_code == 200


def test_model_with_a_job_that_has_not_ended_is_not_deleted(
    own: Studio, admin: httpx.Client, wine: dict[str, Any]
) -> None:
    job = admin.post("/jobs", json={"kind": "train", "model": "wine", "config": {}}).json()["id"]
    refused = admin.delete("/models/wine")
    assert refused.status_code == 409
    assert f"Job {job} of wine has not ended" in refused.json()["error"]["message"]
    assert admin.get("/models/wine").status_code == 200
    Played(own, job).fail("No.")
    assert admin.delete("/models/wine").status_code == 204


def test_deleted_model_leaves_nothing_of_its_data(own: Studio, admin: httpx.Client, wine: dict[str, Any]) -> None:
    before = {path for path in own.home.rglob("*") if "wine" in path.name}
    assert before == {own.home / "models" / "wine"}
    for run in ("one", "two"):
        _add_version(own.home, run)
    client = own.owner._registry.client
    experiment = client.get_experiment_by_name("wine") or client.get_experiment(client.create_experiment("wine"))
    run = client.create_run(experiment.experiment_id, run_name="wine run").info.run_id
    client.log_param(run, "data", "secret.csv")
    (own.home / "checkpoints" / "wine" / run).mkdir()  # of a training that was cut off
    manifest = checkpoint.sha256(own.home / "checkpoints" / "wine" / "two" / checkpoint.MANIFEST)
    cached = own.home / "cache" / f"validation-{manifest[:16]}-0123456789abcdef.npy"
    study = own.home / "studies" / "s1"
    for folder in (cached.parent, study, own.home / "corrections" / "wine" / "c", own.home / "runs"):
        folder.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(b"")
    (study / studies.STUDY).write_text(STUDY.model_dump_json())
    runs = own.home / "runs"
    for name in ("wine-20260101-000000-abcdef", "wine-0123456789ab", "tune-s1", "wine-2-0123456789ab"):
        (runs / name).mkdir()
    job = admin.post("/jobs", json={"kind": "train", "model": "wine", "config": {}}).json()["id"]
    Played(own, job).fail("No.")

    assert admin.delete("/models/wine").status_code == 204

    assert admin.get("/models/wine").status_code == 404
    assert admin.post("/wine/predict", json={}).status_code == 404
    assert "/wine/predict" not in admin.get("/openapi.json").json()["paths"]
    assert admin.get(f"/jobs/{job}").status_code == 404
    assert admin.post("/jobs", json={"kind": "train", "model": "wine"}).status_code == 422
    assert [path.name for path in runs.iterdir()] == ["wine-2-0123456789ab"]  # another model's
    shutil.rmtree(runs)
    assert [path for path in own.home.rglob("*") if "wine" in path.name or path in (cached, study)] == []
    assert client.get_experiment_by_name("wine") is None
    assert client.search_registered_models(filter_string="name = 'wine'") == []
    assert client.search_runs([experiment.experiment_id], run_view_type=3) == []


def test_name_of_a_deleted_model_is_free_for_another(
    own: Studio, admin: httpx.Client, dataset: str, wine: dict[str, Any]
) -> None:
    _add_version(own.home, "first")
    assert admin.delete("/models/wine").status_code == 204
    again = admin.post("/models", json={"name": "wine", "dataset": dataset})
    assert (again.status_code, again.json()["versions"]) == (201, [])
    assert _add_version(own.home, "first") == "1"


def test_removal_that_was_cut_off_is_finished(
    own: Studio, admin: httpx.Client, dataset: str, wine: dict[str, Any]
) -> None:
    _add_version(own.home, "only")
    folders.take_away("wine")  # killed here
    assert admin.get("/models/wine").status_code == 404
    assert admin.post("/models", json={"name": "wine", "dataset": dataset}).status_code == 409
    _run(own, own.owner.look())
    assert folders.put_aside() == []
    assert own.owner._registry._versions("wine") == []
    assert "wine" not in own.replicas.apps
    assert not (own.home / "checkpoints" / "wine" / "only").exists()


def test_storage_that_does_not_answer_delays_the_end_of_a_removal(
    own: Studio, admin: httpx.Client, wine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise checkpoint.CheckpointError("The bucket is away.")

    with monkeypatch.context() as patch:
        patch.setattr(own.owner._registry, "forget", refuse)
        reply = admin.delete("/models/wine")
    assert reply.status_code == 503
    assert "not yet all of its files; this is tried again: The bucket is away." in reply.json()["error"]["message"]
    assert admin.get("/models/wine").status_code == 404
    _run(own, own.owner.look())
    assert folders.put_aside() == []


def test_spec_that_a_program_wrote_is_served_and_one_that_went_is_not(own: Studio, tmp_path: Path) -> None:
    folder = own.home / "models" / "beer"
    _run(own, own.owner.look())
    shutil.copytree(specs.get("breast-cancer").folder, tmp_path / "beer")
    text = (tmp_path / "beer" / specs.FILE).read_text()
    (tmp_path / "beer" / specs.FILE).write_text(
        text.replace('"breast-cancer"', '"beer"').replace('title = "Breast cancer"', 'title = "Beer"')
    )
    shutil.move(tmp_path / "beer", folder)
    _run(own, own.owner.look())
    assert own.client().get("/models/beer").json()["about"]["own"]
    assert len(own.replicas.apps["beer"]) == 1
    (folder / specs.FILE).write_text("name = ")  # wrong, not gone: what runs goes on
    _run(own, own.owner.look())
    assert "beer" in own.replicas.apps
    shutil.rmtree(folder)
    _run(own, own.owner.look())
    assert "beer" not in own.replicas.apps


def test_promotion_under_way_refuses_a_removal(own: Studio, admin: httpx.Client, wine: dict[str, Any]) -> None:
    async def remove() -> str:
        async with own.registry._swap.held("wine"):
            reply = await httpx.AsyncClient(
                base_url="http://localhost/api",
                transport=httpx.ASGITransport(own),
                headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
            ).delete("/models/wine")
            return f"{reply.status_code} {reply.json()['error']['message']}"

    assert _run(own, remove()) == "409 Another promotion of wine is under way; try again when it has ended."
