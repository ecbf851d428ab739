"""The job routes: refusals, the queue, a job's progress, its files. Tests play the jobs; none runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from settings import get_settings
from tests.helpers.in_process.played import Played
from tests.helpers.in_process.studio import Studio
from training.jobs import store as terminal


@pytest.fixture(autouse=True)
def quiet_queue(admin: httpx.Client) -> Iterator[None]:
    """After each test, no job waits or runs."""
    yield
    for job in reversed(admin.get("/jobs").json()["jobs"]):
        if job["state"] in ("queued", "running"):
            admin.post(f"/jobs/{job['id']}/cancel")


def _start(admin: httpx.Client, model: str = "breast-cancer", kind: str = "train", **config: Any) -> str:
    reply = admin.post("/jobs", json={"kind": kind, "model": model, "config": config})
    assert reply.status_code == 202, reply.text
    return reply.json()["id"]


def _job(anyone: httpx.Client, job_id: str) -> dict[str, Any]:
    return anyone.get(f"/jobs/{job_id}").json()


def test_list_has_a_change_at_once(anyone: httpx.Client, admin: httpx.Client) -> None:
    def listed() -> dict[str, str]:
        return {job["id"]: job["state"] for job in anyone.get("/jobs").json()["jobs"]}

    before = listed()
    first = _start(admin)
    assert set(listed()) == {*before, first}
    second = _start(admin)
    assert listed()[second] == "queued"
    admin.post(f"/jobs/{second}/cancel")
    assert listed()[second] != "queued"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"kind": "train", "model": "mnist"}, "there are cifar10 and breast-cancer"),
        ({"kind": "bake", "model": "cifar10"}, "kind"),
        ({"kind": "train"}, "model"),
        ({"kind": "train", "model": "cifar10", "config": {"epochs": 0}}, "config.epochs"),
        ({"kind": "train", "model": "cifar10", "config": {"preset": "huge"}}, "config.preset"),
        ({"kind": "train", "model": "cifar10", "config": {"epoch": 3}}, "config.epoch"),
        ({"kind": "train", "model": "breast-cancer", "config": {"params": {"objective": "x"}}}, "objective"),
        ({"kind": "train", "model": "breast-cancer", "config": []}, "config"),
        (
            {"kind": "train", "model": "breast-cancer", "config": {"learner": "linear", "max_depth": 2}},
            "max_depth: has no",
        ),
        (
            {
                "kind": "tune",
                "model": "breast-cancer",
                "config": {"preset": "learners", "space": {"gamma": {"type": "float", "low": 0, "high": 1}}},
            },
            "config.space: the search learners has a space for each learner",
        ),
        ({"kind": "batch_predict", "model": "cifar10", "config": {"data": "/etc/passwd"}}, "must be an address"),
        *(
            (
                {"kind": kind, "model": "breast-cancer", "config": {"data": address}},
                "of s3, gs, abfs or abfss without a query",
            )
            for kind in ("train", "batch_predict")
            for address in (
                "file:///srv/private.csv",
                "http://169.254.169.254/latest/meta-data.png",
                "hf://datasets/a/b.csv",
                "github://a:b@c/d.csv",
                "S3://bucket/rows.csv",
                "s3://bucket/rows.csv?endpoint_override=169.254.169.254",
                "s3://bucket/rows.csv#a",
                "simplecache::s3://bucket/rows.csv",
                "s3://a.zip::file:///srv/private.csv",
            )
        ),
        ({"kind": "batch_predict", "model": "cifar10", "config": {"upload": "a", "data": "s3://b"}}, "exclude each"),
        ({"kind": "batch_predict", "model": "cifar10", "config": {"num_workers": 0}}, "config.num_workers"),
        ({"kind": "batch_predict", "model": "cifar10", "config": {"output": "/tmp"}}, "config.output"),
        ({"kind": "batch_predict", "model": "cifar10", "config": {"upload": "../jobs"}}, "no upload"),
    ],
)
def test_wrong_job_is_refused_with_what_is_wrong(admin: httpx.Client, body: dict[str, Any], sentence: str) -> None:
    reply = admin.post("/jobs", json=body)
    assert reply.status_code == 422
    assert sentence in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/nothing", "/nothing/logs", "/..%2F..", "/%2e"])
def test_unknown_job_is_not_found(admin: httpx.Client, path: str) -> None:
    assert admin.get(f"/jobs{path}").status_code == 404


def test_public_sees_jobs_and_starts_none(anyone: httpx.Client) -> None:
    assert anyone.get("/jobs").status_code == 200
    assert anyone.post("/jobs", json={"kind": "train", "model": "breast-cancer"}).status_code == 401
    assert anyone.post("/jobs/any/cancel").status_code == 401


def test_one_runs_and_the_others_know_their_place(public: Studio, anyone: httpx.Client, admin: httpx.Client) -> None:
    first = _start(admin, "cifar10")
    waiting = [_start(admin) for _ in range(3)]
    running = Played(public, first)
    assert _job(anyone, first)["state"] == "running"
    assert _job(anyone, first)["position"] is None
    assert [_job(anyone, job_id)["position"] for job_id in waiting] == [1, 2, 3]
    assert admin.post(f"/jobs/{waiting[0]}/cancel").json()["state"] == "stopped"
    assert [_job(anyone, job_id)["position"] for job_id in waiting] == [None, 1, 2]
    running.succeed({"version": "1", "metrics": {}})
    Played(public, waiting[1]).succeed({"version": "1", "metrics": {}})
    assert _job(anyone, waiting[2])["position"] is None


def test_queue_takes_twenty_jobs_beside_the_one_that_runs(
    public: Studio, anyone: httpx.Client, admin: httpx.Client
) -> None:
    Played(public, _start(admin))
    for _ in range(20):
        _start(admin)
    refused = admin.post("/jobs", json={"kind": "train", "model": "breast-cancer"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    assert "21 jobs are already running or waiting" in refused.json()["error"]["message"]


def test_job_shows_its_stage_figures_and_result(public: Studio, anyone: httpx.Client, admin: httpx.Client) -> None:
    job_id = _start(admin, num_boost_round=20)
    assert _job(anyone, job_id)["config"]["num_boost_round"] == 20
    assert _job(anyone, job_id)["config"]["max_depth"] == 3, "what was left out has its default"
    running = Played(public, job_id)
    running.stage("boosting")
    running.step(5, 20, {"trees": "5"})
    for number in range(3):
        running.epoch(number, {"validation_logloss": 0.5 - number / 10})
    seen = _job(anyone, job_id)
    assert seen["progress"] == {"stage": "boosting", "share": 0.25, "note": {"trees": "5"}}
    assert [line["step"] for line in seen["metrics"]] == [0, 1, 2]
    listed = anyone.get("/jobs").json()["jobs"][0]
    assert (listed["id"], [line["step"] for line in listed["metrics"]]) == (job_id, [2])
    running.succeed({"version": "7", "metrics": {"validation_auc": 0.99}})
    ended = _job(anyone, job_id)
    assert (ended["state"], ended["result"]) == ("succeeded", {"version": "7", "metrics": {"validation_auc": 0.99}})
    assert admin.post(f"/jobs/{job_id}/cancel").json()["state"] == "succeeded"
    assert admin.post(f"/jobs/{job_id}/resume").status_code == 409


def test_job_that_failed_says_why_and_can_be_resumed(public: Studio, anyone: httpx.Client, admin: httpx.Client) -> None:
    job_id = _start(admin)
    Played(public, job_id).fail("There is no column 'mean mood'.")
    failed = _job(anyone, job_id)
    assert (failed["state"], failed["error"]) == ("failed", "There is no column 'mean mood'.")
    assert admin.post(f"/jobs/{job_id}/resume").status_code == 202
    Played(public, job_id).succeed({"version": "1", "metrics": {}})
    assert (_job(anyone, job_id)["state"], _job(anyone, job_id)["error"]) == ("succeeded", None)


def test_log_ends_with_the_last_lines_and_a_progress_bar_is_one(
    public: Studio, anyone: httpx.Client, admin: httpx.Client
) -> None:
    job_id = _start(admin)
    Played(public, job_id)
    (public.home / "jobs" / job_id / "log.txt").write_text("one\n 10%\r 20%\r 30%\nthree\n")
    assert admin.get(f"/jobs/{job_id}/logs").json() == {"id": job_id, "log": "one\n 30%\nthree"}
    assert admin.get(f"/jobs/{job_id}/logs", params={"lines": 1}).json()["log"] == "three"


def test_files_of_a_job_are_its_own_and_nothing_else(public: Studio, anyone: httpx.Client, admin: httpx.Client) -> None:
    job_id = _start(admin, kind="batch_predict")
    running = Played(public, job_id)
    files = public.home / "jobs" / job_id / "files"
    files.mkdir()
    labels = ["malignant", "benign", "benign"]
    pq.write_table(
        pa.table({"label": labels, "truth": ["malignant"] * 3, "error": pa.array([None] * 3, pa.string())}),
        files / "predictions.parquet",
    )
    (files / "predictions.csv").write_text("label\nmalignant\nbenign\nbenign\n")
    running.succeed({"rows": 3})
    url = f"/jobs/{job_id}"
    shown = anyone.get(f"{url}/rows").json()
    assert (shown["total"], shown["columns"]) == (3, ["label", "truth", "error"])
    assert [row["label"] for row in shown["rows"]] == labels
    assert anyone.get(f"{url}/rows?show=wrong").json()["total"] == 2
    assert anyone.get(f"{url}/rows?label=malignant").json()["total"] == 1
    assert anyone.get(f"{url}/rows?show=unsure").status_code == 422
    assert anyone.get(f"{url}/rows?limit=1000").status_code == 422
    download = anyone.get(f"{url}/files/predictions.csv")
    assert download.text == "label\nmalignant\nbenign\nbenign\n"
    assert download.headers["Content-Disposition"] == f'attachment; filename="{job_id}-predictions.csv"'
    assert download.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("../job.json", "%2e%2e%2fjob.json", "job.json", ".predictions.csv.half", "predictions.xlsx"):
        assert anyone.get(f"{url}/files/{name}").status_code == 404


def test_terminal_lists_shows_and_cancels(
    public: Studio,
    anyone: httpx.Client,
    admin: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job_id = _start(admin, "cifar10", epochs=500)
    Played(public, job_id)
    monkeypatch.setenv("AIR_HOME", str(public.home))
    get_settings.cache_clear()
    try:
        assert terminal.main(["list"]) == 0
        assert f"{job_id}  train         cifar10        running" in capsys.readouterr().out
        assert terminal.main(["show", job_id]) == 0
        assert '"epochs": 500' in capsys.readouterr().out
        assert terminal.main(["cancel", job_id]) == 0
        assert terminal.main(["show", "nothing"]) == 2
        assert capsys.readouterr().err == "error: There is no job 'nothing'.\n"
    finally:
        get_settings.cache_clear()
    while (state := _job(anyone, job_id)["state"]) != "stopped":
        assert state in ("running", "stopping")


@pytest.mark.parametrize(
    "address", ["s3://bucket/a.csv", "s3://anonymous@b/a b.csv", "gs://b/c", "abfs://c@a/d", "abfss://c/d"]
)
def test_addresses_of_object_storage_are_taken(admin: httpx.Client, address: str) -> None:
    assert _start(admin, kind="batch_predict", data=address.replace(" ", "-"))


def test_log_is_the_admins_to_read_in_public_mode(
    public: Studio, anyone: httpx.Client, admin: httpx.Client, api: httpx.Client
) -> None:
    job_id = _start(admin)
    Played(public, job_id)
    refused = anyone.get(f"/jobs/{job_id}/logs")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.json()["error"]["message"].startswith("Only the admin may read this: send the admin's token")
    assert anyone.get(f"/jobs/{job_id}/logs", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert anyone.get("/jobs/nothing/logs").status_code == 401
    assert admin.get(f"/jobs/{job_id}/logs").status_code == 200
    assert api.get("/jobs/nothing/logs").status_code == 404, "in local mode nobody signs in"


def test_job_is_shown_without_the_login_of_its_address(
    public: Studio, anyone: httpx.Client, admin: httpx.Client
) -> None:
    job_id = _start(admin, kind="batch_predict", data="s3://KEY:SEC/RET@bucket/rows.csv")
    running = Played(public, job_id)
    (public.home / "jobs" / job_id / "log.txt").write_text("s3://KEY:SEC/RET@bucket/rows.csv is read\n")
    running.fail("s3://KEY:SEC/RET@bucket/rows.csv cannot be read: KEY:SEC/RET@bucket is not there")
    texts = [anyone.get(path).text for path in ("/jobs", f"/jobs/{job_id}", "/cluster")]
    texts += [admin.get(f"/jobs/{job_id}/logs").text, admin.post(f"/jobs/{job_id}/cancel").text]
    assert "RET" not in " ".join(texts)
    assert _job(anyone, job_id)["error"] == "s3://bucket/rows.csv cannot be read: bucket is not there"
    assert admin.post(f"/jobs/{job_id}/resume").json()["config"]["data"] == "s3://bucket/rows.csv"
    assert '"data": "s3://KEY:SEC/RET@bucket/rows.csv"' in (public.home / "jobs" / job_id / "job.json").read_text()
