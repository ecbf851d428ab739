"""The supervisor of jobs, with processes that only sleep: how it stops them, and how it records their ends."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from settings import Settings
from training.jobs import store as jobs
from training.jobs import supervisor
from training.jobs.store import Job, Store
from training.jobs.supervisor import NotPossible, Supervisor
from training.runs.progress import REGISTERING
from training.runs.records import write_json

WAIT_S = 20
DEAF = "trap '' TERM; while true; do sleep 0.1; done"


class Jobs:
    """A supervisor whose jobs run a shell command; the test calls ``look`` instead of a clock."""

    def __init__(self, settings: Settings, command: str = "sleep 3600", session: str = "one") -> None:
        self.store = Store(settings)
        self.processes: list[subprocess.Popen] = []
        self._command = command
        self.supervisor = Supervisor(settings, session, self._launch)

    def _launch(self, _: Path) -> subprocess.Popen:
        self.processes.append(subprocess.Popen(["sh", "-c", self._command], process_group=0))
        return self.processes[-1]

    def submit(self, **config: object) -> str:
        wanted = jobs.validated("train", "breast-cancer", config)
        return asyncio.run(self.supervisor.submit("train", "breast-cancer", wanted)).id

    def running(self) -> str:
        """A job that has been started."""
        job_id = self.submit()
        self.supervisor.look()
        assert self.store.read(job_id).state == "running"
        return job_id

    def look_until(self, job_id: str, true: Callable[[Job], bool]) -> Job:
        deadline = time.monotonic() + WAIT_S
        while not true(job := self.store.read(job_id)):
            assert time.monotonic() < deadline, job
            self.supervisor.look()
            time.sleep(0.02)
        return job


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(air_home=tmp_path)


@pytest.fixture
def started(request: pytest.FixtureRequest) -> Callable[..., Jobs]:
    """Makes supervisors whose processes end with the test."""

    def make(*arguments: object, **options: object) -> Jobs:
        made = Jobs(*arguments, **options)
        request.addfinalizer(lambda: [(process.kill(), process.wait()) for process in made.processes])
        return made

    return make


def _ended(job: Job) -> bool:
    return job.state in jobs.ENDED


def test_cancelled_job_gets_a_term_and_is_stopped(settings: Settings, started: Callable[..., Jobs]) -> None:
    running = started(settings)
    job_id = running.running()
    assert asyncio.run(running.supervisor.cancel(job_id)).state == "stopping"
    ended = running.look_until(job_id, _ended)
    assert (ended.state, ended.error) == ("stopped", None)
    assert running.processes[0].wait() == -signal.SIGTERM
    assert asyncio.run(running.supervisor.cancel(job_id)).state == "stopped"


def test_job_that_does_not_listen_is_killed(
    settings: Settings, started: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_GRACE_S", 0.2)
    running = started(settings, DEAF)
    job_id = running.running()
    asyncio.run(running.supervisor.cancel(job_id))
    assert running.look_until(job_id, _ended).state == "stopped"
    assert running.processes[0].wait() == -signal.SIGKILL


def test_job_that_registers_its_version_has_longer(
    settings: Settings, started: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_GRACE_S", 0.0)
    running = started(settings, DEAF)
    job_id = running.running()
    write_json(running.store.folder(job_id) / jobs.PROGRESS, {"stage": REGISTERING})
    asyncio.run(running.supervisor.cancel(job_id))
    for _ in range(5):
        running.supervisor.look()
    assert running.processes[0].poll() is None
    assert running.store.read(job_id).state == "stopping"


def test_job_that_ran_too_long_is_stopped_and_says_so(
    settings: Settings, started: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "TIMEOUT_S", -3600.0)
    running = started(settings)
    ended = running.look_until(running.running(), _ended)
    assert ended.state == "failed"
    assert ended.error.startswith("The job ran longer than ")


def test_killed_job_failed_and_can_be_resumed(
    settings: Settings, started: Callable[..., Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "DOUBT_S", 0.1)
    running = started(settings)
    job_id = running.running()
    running.processes[0].kill()
    failed = running.look_until(job_id, _ended)
    assert failed.state == "failed"
    assert failed.error == "The job's process ended with status -9 before it was done; it can be resumed."
    assert asyncio.run(running.supervisor.resume(job_id)).state == "queued"
    running.supervisor.look()
    assert (running.store.read(job_id).state, running.store.read(job_id).error) == ("running", None)


def test_job_that_was_terminated_from_outside_is_interrupted(settings: Settings, started: Callable[..., Jobs]) -> None:
    running = started(settings)
    job_id = running.running()
    running.processes[0].terminate()
    ended = running.look_until(job_id, _ended)
    assert (ended.state, ended.error) == ("interrupted", "The job was stopped from outside; it can be resumed.")


def test_jobs_of_a_ray_that_has_ended_are_interrupted_and_their_processes_killed(
    settings: Settings, started: Callable[..., Jobs]
) -> None:
    before = started(settings)
    job_id, waiting = before.running(), before.submit()
    after = started(settings, session="another")
    assert before.processes[0].wait() == -signal.SIGKILL
    assert after.store.read(job_id).state == "interrupted"
    assert after.store.read(job_id).error == "AIR Studio stopped during the job; it can be resumed."
    after.supervisor.look()
    assert after.store.read(waiting).state == "running"


def test_supervisor_that_starts_again_in_the_same_ray_keeps_its_jobs(
    settings: Settings, started: Callable[..., Jobs]
) -> None:
    before = started(settings)
    job_id = before.running()
    after = started(settings)
    after.supervisor.look()
    assert after.store.read(job_id).state == "running"
    assert before.processes[0].poll() is None
    before.processes[0].kill()
    before.processes[0].wait()
    ended = after.look_until(job_id, _ended)
    assert ended.error == "The job ended for an unknown reason; it can be resumed."


def test_one_job_runs_at_a_time_the_oldest_first(settings: Settings, started: Callable[..., Jobs]) -> None:
    running = started(settings, "true")
    first, second = running.running(), running.submit()
    running.supervisor.look()
    assert len(running.processes) == 1
    write_json(running.store.folder(first) / jobs.OUTCOME, {"result": {"version": "2"}})
    assert running.look_until(first, _ended).result == {"version": "2"}
    running.look_until(second, lambda job: job.state == "running")
    with pytest.raises(NotPossible, match="only one that stopped or failed can be resumed"):
        asyncio.run(running.supervisor.resume(first))


def test_cancel_of_a_waiting_job_starts_nothing(settings: Settings, started: Callable[..., Jobs]) -> None:
    running = started(settings)
    running.running()
    waiting = running.submit()
    assert asyncio.run(running.supervisor.cancel(waiting)).state == "stopped"
    assert len(running.processes) == 1
