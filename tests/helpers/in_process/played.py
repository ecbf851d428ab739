"""Jobs of a studio, played by a test, which writes what the job's own process would have written."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.helpers.in_process.studio import Studio
from training.jobs import store as jobs
from training.jobs.runner import Files
from training.jobs.supervisor import PROCESS
from training.runs.records import read_json, write_json

WAIT_S = 20


class Played(Files):
    """A running job; ``stage``, ``step`` and ``epoch`` are those of ``training.runs.progress.Listener``."""

    def __init__(self, studio: Studio, job_id: str) -> None:
        """Waits until this job runs."""
        self.job_id = job_id
        self._studio = studio
        folder = studio.home / "jobs" / job_id
        wait_for(lambda: read_json(folder / jobs.JOB)["state"] == "running")
        super().__init__(folder)

    def succeed(self, result: dict[str, Any]) -> None:
        """End as a job that succeeded."""
        self._end({"result": result})

    def fail(self, sentence: str) -> None:
        """End as a job that failed."""
        self._end({"error": sentence})

    def _end(self, outcome: dict[str, Any]) -> None:
        write_json(self._folder / jobs.OUTCOME, outcome)
        self.die()

    def die(self) -> None:
        """End as a process that was killed, and wait until the supervisor has recorded it."""
        pid = read_json(self._folder / PROCESS)["pid"]
        next(process for process in self._studio.launched if process.pid == pid).kill()
        self.wait_until_ended()

    def wait_until_ended(self) -> None:
        """Return when its end has been recorded."""
        wait_for(lambda: read_json(self._folder / jobs.JOB)["state"] in jobs.ENDED)


def wait_for(true: Callable[[], bool]) -> None:
    """Return when a condition is true."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
