"""Killed jobs, and an app that is killed with its jobs: what is lost, and how they resume."""

from __future__ import annotations

import time
from typing import Any

import psutil
import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from settings import ROOT
from tests.helpers.clients.jobs import LONG, QUICK, RUNNER, Jobs

STOPPED_WITHIN_S = 10


@pytest.fixture(scope="module")
def jobs(public_app: RunningApp, admin: requests.Session) -> Jobs:
    return Jobs(public_app, admin)


def _versions(app: RunningApp, model: str) -> list[dict[str, Any]]:
    return requests.get(f"{app.url}/api/models/{model}").json()["versions"]


@pytest.mark.parametrize("when", ["starting", "training"])
def test_cancel_stops_everything_within_ten_seconds(public_app: RunningApp, jobs: Jobs, when: str) -> None:
    before = _versions(public_app, "cifar10")
    job_id = jobs.start("cifar10", LONG)
    reached = {
        "starting": lambda job: job["state"] == "running",
        "training": lambda job: len(job["metrics"]) >= 2 and job["eta_s"] is not None,
    }
    jobs.wait(job_id, reached[when])
    began = time.monotonic()
    assert jobs.cancel(job_id).json()["state"] in ("stopping", "stopped")
    ended = jobs.wait_until_ended(job_id, STOPPED_WITHIN_S)
    assert ended["state"] == "stopped"
    assert ended["error"] is None
    while (left := jobs.processes(RUNNER) + jobs.processes("RayTrainWorker")) and (
        time.monotonic() < began + STOPPED_WITHIN_S
    ):
        time.sleep(0.1)
    assert left == []
    assert _versions(public_app, "cifar10") == before
    assert jobs.cancel(job_id).json()["state"] == "stopped"


def test_cancel_while_registering_leaves_a_whole_version_or_none(public_app: RunningApp, jobs: Jobs) -> None:
    before = _versions(public_app, "breast-cancer")
    job_id = jobs.start("breast-cancer", QUICK)
    progress = public_app.home / "jobs" / job_id / "progress.json"
    deadline = time.monotonic() + 120
    while not progress.exists() or '"registering"' not in progress.read_text():
        assert time.monotonic() < deadline, jobs.log(job_id)
        time.sleep(0.005)
    jobs.cancel(job_id)
    ended = jobs.wait_until_ended(job_id, STOPPED_WITHIN_S)
    made = _versions(public_app, "breast-cancer")[: -len(before)]
    if ended["state"] == "succeeded":
        assert [version["version"] for version in made] == [ended["result"]["version"]]
    else:
        assert (ended["state"], made) == ("stopped", [])
    left = [path for path in (public_app.home / "checkpoints" / "breast-cancer").iterdir() if path.name[0] == "."]
    assert left == []


def test_killed_job_says_so_and_goes_on_where_it_was(public_app: RunningApp, jobs: Jobs) -> None:
    job_id = jobs.start("cifar10", {"epochs": 7, "batch_size": 50})
    jobs.wait(job_id, lambda job: len(job["metrics"]) >= 3)
    jobs.processes(RUNNER)[0].kill()
    failed = jobs.wait_until_ended(job_id, STOPPED_WITHIN_S)
    assert failed["state"] == "failed"
    assert "can be resumed" in failed["error"]
    assert jobs.resume(job_id).status_code == 202
    ended = jobs.wait_until_ended(job_id)
    assert ended["state"] == "succeeded", (ended["error"], jobs.log(job_id))
    assert [figures["step"] for figures in ended["metrics"]] == list(range(7))
    evaluation = requests.get(
        f"{public_app.url}/api/models/cifar10/versions/{ended['result']['version']}/evaluation"
    ).json()
    assert len(evaluation["history"]) == 7
    for epoch in range(2):
        # No epoch trains at the same speed twice.
        assert evaluation["history"][str(epoch)]["images_per_s"] == failed["metrics"][epoch]["images_per_s"], (
            "it started again from the beginning"
        )
    assert jobs.resume(job_id).status_code == 409


def test_killed_worker_is_replaced(jobs: Jobs) -> None:
    job_id = jobs.start("cifar10", {"epochs": 5, "batch_size": 50})
    jobs.wait(job_id, lambda job: len(job["metrics"]) >= 2)
    jobs.processes("RayTrainWorker")[0].kill()
    ended = jobs.wait_until_ended(job_id)
    assert ended["state"] == "succeeded", (ended["error"], jobs.log(job_id))


def test_killed_app_remembers_its_jobs_and_goes_on(public_app: RunningApp, jobs: Jobs) -> None:
    job_id = jobs.start("cifar10", LONG)
    jobs.wait(job_id, lambda job: len(job["metrics"]) >= 2)
    known = [job["id"] for job in jobs.list()]
    public_app.stop(9)
    public_app.start()
    assert [job["id"] for job in jobs.list()] == known
    interrupted = jobs.get(job_id)
    assert interrupted["state"] == "interrupted", interrupted["error"]
    assert "can be resumed" in interrupted["error"]
    assert jobs.processes(RUNNER) == []
    assert jobs.resume(job_id).json()["state"] in ("queued", "running")
    jobs.wait(job_id, lambda job: len(job["metrics"]) > len(interrupted["metrics"]))
    jobs.cancel(job_id)
    assert jobs.wait_until_ended(job_id, STOPPED_WITHIN_S)["state"] == "stopped"


def test_stopped_prediction_leaves_neither_files_nor_upload(
    public_app: RunningApp, admin: requests.Session, jobs: Jobs
) -> None:
    """Its process is suspended until it is stopped, so that it cannot end before."""
    picture = (ROOT / "docs" / "example.png").read_bytes()
    uploads = f"{public_app.url}/api/uploads"
    upload = admin.post(f"{uploads}?model=cifar10", files={"file": ("a.png", picture)}).json()["id"]
    job_id = jobs.post(kind="batch_predict", model="cifar10", config={"upload": upload}).json()["id"]
    jobs.wait(job_id, lambda job: job["state"] == "running")
    [process] = jobs.processes(RUNNER)
    process.suspend()
    jobs.cancel(job_id)
    assert jobs.wait_until_ended(job_id)["state"] == "stopped"
    assert not psutil.pid_exists(process.pid)
    assert requests.get(f"{public_app.url}/api/jobs/{job_id}/files/predictions.csv").status_code == 404
    assert requests.get(f"{uploads}/{upload}").status_code == 404
    resumed = jobs.resume(job_id)
    assert (resumed.status_code, "Send the files again" in resumed.json()["error"]["message"]) == (409, True)
