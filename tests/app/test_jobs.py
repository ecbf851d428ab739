"""Trainings asked for by HTTP: they run, can be watched, stopped, killed and resumed, and predictions go on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
import requests

from settings import ROOT
from tests.helpers.load import Load
from tests.helpers.running_app import RunningApp

ENDED = {"stopped", "succeeded", "failed", "interrupted"}
QUICK = {"num_boost_round": 20}
LONG = {"epochs": 500, "batch_size": 50}
STOPPED_WITHIN_S = 10


class Jobs:
    """A client of the job routes."""

    def __init__(self, app: RunningApp, admin: requests.Session) -> None:
        self.app, self._admin, self._url = app, admin, f"{app.url}/api/jobs"

    def post(self, **body: Any) -> requests.Response:
        return self._admin.post(self._url, json=body)

    def start(self, model: str, config: dict[str, Any]) -> str:
        reply = self.post(kind="train", model=model, config=config)
        assert reply.status_code == 202, reply.text
        return reply.json()["id"]

    def get(self, job_id: str) -> dict[str, Any]:
        return requests.get(f"{self._url}/{job_id}").json()

    def list(self) -> list[dict[str, Any]]:
        return requests.get(self._url).json()["jobs"]

    def log(self, job_id: str) -> str:
        return requests.get(f"{self._url}/{job_id}/logs").json()["log"]

    def cancel(self, job_id: str) -> requests.Response:
        return self._admin.post(f"{self._url}/{job_id}/cancel")

    def resume(self, job_id: str) -> requests.Response:
        return self._admin.post(f"{self._url}/{job_id}/resume")

    def wait(self, job_id: str, done: Callable[[dict[str, Any]], bool], seconds: float = 120) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while not done(job := self.get(job_id)):
            assert job["state"] not in ENDED, (job["state"], job["error"], self.log(job_id))
            assert time.monotonic() < deadline, (job, self.log(job_id))
            time.sleep(0.1)
        return job

    def wait_until_ended(self, job_id: str, seconds: float = 180) -> dict[str, Any]:
        return self.wait(job_id, lambda job: job["state"] in ENDED, seconds)

    def processes(self, word: str) -> list[psutil.Process]:
        return self.app.processes(word)


@pytest.fixture(scope="module")
def jobs(public_app: RunningApp, admin: requests.Session) -> Jobs:
    return Jobs(public_app, admin)


def _versions(app: RunningApp, model: str) -> list[dict[str, Any]]:
    return requests.get(f"{app.url}/api/models/{model}").json()["versions"]


def test_from_a_job_to_the_version_that_answers(public_app: RunningApp, admin: requests.Session, jobs: Jobs) -> None:
    """Train, see its figures, promote it, ask it, roll back; all the while predictions are answered."""
    api = f"{public_app.url}/api"
    row = requests.get(f"{api}/models/breast-cancer/examples?n=1").json()["examples"][0]["row"]
    with Load(f"{api}/breast-cancer/predict", 4, json=row) as load:
        job_id = jobs.start("breast-cancer", QUICK)
        ended = jobs.wait_until_ended(job_id)
        assert ended["state"] == "succeeded", (ended["error"], jobs.log(job_id))
        version = ended["result"]["version"]
        newest = _versions(public_app, "breast-cancer")[0]
        assert (newest["version"], newest["aliases"]) == (version, ["challenger"])
        assert newest["config"]["training"]["num_boost_round"] == 20
        assert [figures["step"] for figures in ended["metrics"]] == list(range(20))
        assert ended["metrics"][-1]["validation_logloss"] < ended["metrics"][0]["validation_logloss"]
        assert ended["progress"]["share"] == 1
        assert jobs.list()[0]["id"] == job_id
        models = f"{api}/models/breast-cancer"
        assert admin.post(f"{models}/promote", json={"version": "challenger"}).status_code == 200
        assert requests.post(f"{api}/breast-cancer/predict", json=row).json()["model"]["version"] == version
        assert admin.post(f"{models}/rollback").status_code == 200
        assert requests.post(f"{api}/breast-cancer/predict", json=row).json()["model"]["version"] == "1"
    assert load.failed == []


def test_one_runs_and_the_others_know_their_place(jobs: Jobs) -> None:
    first = jobs.start("cifar10", LONG)
    waiting = [jobs.start("breast-cancer", QUICK) for _ in range(3)]
    jobs.wait(first, lambda job: job["state"] == "running")
    assert jobs.get(first)["position"] is None
    assert [jobs.get(job_id)["position"] for job_id in waiting] == [1, 2, 3]
    assert jobs.cancel(waiting[0]).json()["state"] == "stopped"
    assert [jobs.get(job_id)["position"] for job_id in waiting] == [None, 1, 2]
    for job_id in (*waiting[1:], first):
        jobs.cancel(job_id)
    assert jobs.wait_until_ended(first, STOPPED_WITHIN_S)["state"] == "stopped"


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
    while (left := jobs.processes("job_runner") + jobs.processes("RayTrainWorker")) and (
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
    jobs.processes("job_runner")[0].kill()
    failed = jobs.wait_until_ended(job_id, STOPPED_WITHIN_S)
    assert failed["state"] == "failed"
    assert "can be resumed" in failed["error"]
    assert jobs.resume(job_id).status_code == 202
    ended = jobs.wait_until_ended(job_id)
    assert ended["state"] == "succeeded", (ended["error"], jobs.log(job_id))
    assert [figures["step"] for figures in ended["metrics"]] == list(range(7))
    told = requests.get(f"{public_app.url}/api/models/cifar10/versions/{ended['result']['version']}/evaluation").json()
    assert len(told["history"]) == 7
    for epoch in range(2):
        # No epoch trains at the same speed twice.
        assert told["history"][str(epoch)]["images_per_s"] == failed["metrics"][epoch]["images_per_s"], "it began anew"
    assert jobs.resume(job_id).status_code == 409


def test_killed_worker_is_replaced(jobs: Jobs) -> None:
    job_id = jobs.start("cifar10", {"epochs": 5, "batch_size": 50})
    jobs.wait(job_id, lambda job: len(job["metrics"]) >= 2)
    jobs.processes("RayTrainWorker")[0].kill()
    ended = jobs.wait_until_ended(job_id)
    assert ended["state"] == "succeeded", (ended["error"], jobs.log(job_id))


def test_job_that_cannot_be_done_says_why_in_a_sentence(jobs: Jobs) -> None:
    job_id = jobs.start("breast-cancer", {"scaled_columns": ["mean mood"]})
    ended = jobs.wait_until_ended(job_id)
    assert ended["state"] == "failed"
    assert "there is no column 'mean mood'" in ended["error"]
    assert "Traceback" not in ended["error"]


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
    ],
)
def test_wrong_job_is_refused_with_what_is_wrong(jobs: Jobs, body: dict[str, Any], sentence: str) -> None:
    reply = jobs.post(**body)
    assert reply.status_code == 422
    assert sentence in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/nothing", "/nothing/logs", "/..%2F..", "/%2e"])
def test_unknown_job_is_not_found(public_app: RunningApp, path: str) -> None:
    reply = requests.get(f"{public_app.url}/api/jobs{path}")
    assert reply.status_code == 404


def test_public_sees_jobs_and_starts_none(public_app: RunningApp) -> None:
    url = f"{public_app.url}/api/jobs"
    assert requests.get(url).status_code == 200
    assert requests.post(url, json={"kind": "train", "model": "breast-cancer"}).status_code == 401
    assert requests.post(f"{url}/any/cancel").status_code == 401


def test_terminal_lists_shows_and_cancels(jobs: Jobs) -> None:
    job_id = jobs.start("cifar10", LONG)
    jobs.wait(job_id, lambda job: job["state"] == "running")

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "training.jobs", *words],
            cwd=ROOT,
            env=jobs.app.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert f"{job_id}  train         cifar10        running" in command("list").stdout
    assert '"epochs": 500' in command("show", job_id).stdout
    assert command("cancel", job_id).returncode == 0
    assert jobs.wait_until_ended(job_id, STOPPED_WITHIN_S)["state"] == "stopped"
    unknown = command("show", "nothing")
    assert (unknown.returncode, unknown.stderr) == (2, "error: There is no job 'nothing'.\n")


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
    assert jobs.processes("job_runner") == []
    assert jobs.resume(job_id).json()["state"] in ("queued", "running")
    jobs.wait(job_id, lambda job: len(job["metrics"]) > len(interrupted["metrics"]))
    jobs.cancel(job_id)
    assert jobs.wait_until_ended(job_id, STOPPED_WITHIN_S)["state"] == "stopped"
