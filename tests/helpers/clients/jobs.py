"""A client of a running app's job routes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil
import requests

from benchmarks.harness.running_app import RunningApp

# The command line of a job's process.
RUNNER = "training.jobs.runner"
ENDED = {"stopped", "succeeded", "failed", "interrupted"}
QUICK = {"num_boost_round": 20}
LONG = {"epochs": 500, "batch_size": 50}


class Jobs:
    """Submits jobs, waits for them and finds their processes; ``admin`` has the token."""

    def __init__(self, app: RunningApp, admin: requests.Session) -> None:
        self.app, self._admin, self._url = app, admin, f"{app.url}/api/jobs"

    def post(self, **body: Any) -> requests.Response:
        """Ask for a job."""
        return self._admin.post(self._url, json=body)

    def start(self, model: str, config: dict[str, Any]) -> str:
        """Submit a training that must be accepted; returns its id."""
        reply = self.post(kind="train", model=model, config=config)
        assert reply.status_code == 202, reply.text
        return reply.json()["id"]

    def get(self, job_id: str) -> dict[str, Any]:
        """A job as it is now."""
        return requests.get(f"{self._url}/{job_id}").json()

    def list(self) -> list[dict[str, Any]]:
        """Every job."""
        return requests.get(self._url).json()["jobs"]

    def log(self, job_id: str) -> str:
        """The log of a job."""
        return self._admin.get(f"{self._url}/{job_id}/logs").json()["log"]

    def cancel(self, job_id: str) -> requests.Response:
        """Ask to stop a job."""
        return self._admin.post(f"{self._url}/{job_id}/cancel")

    def resume(self, job_id: str) -> requests.Response:
        """Queue a job again."""
        return self._admin.post(f"{self._url}/{job_id}/resume")

    def wait(self, job_id: str, done: Callable[[dict[str, Any]], bool], seconds: float = 120) -> dict[str, Any]:
        """The job as soon as ``done`` is true of it; fails when it ends before."""
        deadline = time.monotonic() + seconds
        while not done(job := self.get(job_id)):
            assert job["state"] not in ENDED, (job["state"], job["error"], self.log(job_id))
            assert time.monotonic() < deadline, (job, self.log(job_id))
            time.sleep(0.1)
        return job

    def wait_until_ended(self, job_id: str, seconds: float = 180) -> dict[str, Any]:
        """The job when it has ended."""
        return self.wait(job_id, lambda job: job["state"] in ENDED, seconds)

    def processes(self, word: str) -> list[psutil.Process]:
        """The app's processes with this word in their command line."""
        return self.app.processes(word)
