"""The supervisor of jobs: runs one at a time, each in its own process, from a queue that survives a restart.

An actor that reserves no CPU, outside Serve and outside the page. It starts and watches
``training.jobs.runner`` processes. Ray's own job submission was not used: it needs the dashboard, a
fixed port on each host, and about 4 s before the first line of a log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import ray

from models import specs
from settings import ROOT, Settings, get_settings
from training.batch_predict import uploads
from training.datasets.store import Datasets
from training.jobs import store as jobs
from training.jobs.store import ENDED, RESUMABLE, Job, Kind, Store
from training.runs.progress import REGISTERING
from training.runs.ray_session import NAMESPACE, ON_HEAD
from training.runs.records import read_json, write_json

log = logging.getLogger("ray.serve")
NAME = "jobs"
MAX_QUEUED = 20
LOOK_S = 0.2
SWEEP_S = 60.0
STOP_GRACE_S, REGISTER_GRACE_S = 4.0, 8.0
# When a whole app is killed, its job may die first; such a job was interrupted, it did not fail.
DOUBT_S = 4.0
TIMEOUT_S = 4 * 3600.0
PROCESS = "process.json"
# Exit statuses when the whole app is stopped: the signal itself, or what the process turns it into.
STOPPED_FROM_OUTSIDE = (-signal.SIGTERM, 128 + signal.SIGTERM, 130)


class QueueFull(Exception):
    """The queue of jobs is full; str() is a sentence."""


class NotPossible(Exception):
    """The job's state does not allow this; str() names the state."""


class Supervisor:
    """Queue, processes and history of all jobs.

    ``session`` names the Ray that jobs run in; jobs of an earlier session have ended with it. ``launch`` starts
    the process that runs the job of a folder.
    """

    def __init__(self, settings: Settings, session: str, launch: Callable[[Path], subprocess.Popen]) -> None:
        self._store = Store(settings)
        self._uploads = uploads.Store(settings)
        self._datasets = Datasets(settings)
        self._session = session
        self._launch = launch
        self._children: dict[str, subprocess.Popen] = {}
        self._stopping_since: dict[str, float] = {}
        self._gone_since: dict[str, float] = {}
        self._open: list[str] = []  # jobs that have not ended, the oldest first
        for job in reversed(self._store.jobs()):
            if job.state in ("running", "stopping") and self._lost(job.id):
                self._ended(job, "interrupted", error="AIR Studio stopped during the job; it can be resumed.")
            elif job.state not in ENDED:
                self._open.append(job.id)

    async def submit(self, kind: Kind, model: str, config: dict[str, Any]) -> Job:
        """Queue a job with a validated configuration. Raises QueueFull, UnknownUpload, NotPossible."""
        _refuse_without_model(model)
        self._refuse_when_full()
        self._refuse_without_upload(config)
        job = self._store.create(kind, model, config)
        self._open.append(job.id)
        return await self.job(job.id)

    async def jobs(self) -> list[Job]:
        """Every job, newest first, as anybody may read it."""
        listed = [jobs.shown(job) for job in self._store.jobs()]
        for job in listed:
            job.position = self._position(job)
        return listed

    async def job(self, job_id: str) -> Job:
        """One job with all its figures, as anybody may read it. Raises UnknownJob."""
        job = jobs.shown(self._store.read(job_id))
        job.position = self._position(job)
        return job

    async def log_tail(self, job_id: str, lines: int) -> str:
        """The end of a job's log. Raises UnknownJob."""
        return self._store.log_tail(job_id, lines)

    async def cancel(self, job_id: str) -> Job:
        """Stop a job; does nothing to one that has ended. Raises UnknownJob."""
        if self._store.read(job_id).state not in ENDED:
            self._store.ask_to_stop(job_id)
            self.look()
        return await self.job(job_id)

    async def is_needed(self, upload_id: str) -> bool:
        """Whether a running or waiting job still has to read an upload."""
        return upload_id in self._uploads_in_use()

    async def forget(self, model: str) -> None:
        """Delete the jobs of a model, with their results. Raises NotPossible while one of them runs or waits.

        A model that has no spec any more gets no new jobs, so afterwards there are none.
        """
        await self.refuse_when_busy(model)
        for job in self._store.jobs():
            if job.model == model:
                self._store.delete(job.id)

    async def refuse_when_busy(self, model: str) -> None:
        """Raise NotPossible while a job of a model runs or waits."""
        for job_id in self._open:
            if self._store.read(job_id, all_metrics=False).model == model:
                raise NotPossible(f"Job {job_id} of {model} has not ended; cancel it, or try again when it has.")

    async def resume(self, job_id: str) -> Job:
        """Queue a job that did not succeed again; it continues from Ray Train's last checkpoint.

        Raises UnknownJob, NotPossible, QueueFull.
        """
        job = self._store.read(job_id)
        if job.state not in RESUMABLE:
            raise NotPossible(f"Job {job_id} is {job.state}; only one that stopped or failed can be resumed.")
        _refuse_without_model(job.model)
        self._refuse_when_full()
        try:
            self._refuse_without_upload(job.config)
        except uploads.UnknownUpload as error:
            raise NotPossible(str(error)) from None
        job.state, job.error, job.started, job.ended = "queued", None, None, None
        for left in (jobs.OUTCOME, jobs.CANCEL):
            (self._store.folder(job_id) / left).unlink(missing_ok=True)
        self._store.write(job)
        self._open.append(job_id)
        return await self.job(job_id)

    def _refuse_when_full(self) -> None:
        if len(self._open) > MAX_QUEUED:
            raise QueueFull(f"{len(self._open)} jobs are already running or waiting; cancel one or try again later.")

    def _refuse_without_upload(self, config: dict[str, Any]) -> None:
        if config.get("upload") is not None:
            self._uploads.read(config["upload"])

    def _position(self, job: Job) -> int | None:
        """The job's place in the queue, from 1; None for one that is not waiting."""
        if job.state != "queued":
            return None
        ahead = self._open[: self._open.index(job.id)]
        return 1 + sum(self._store.read(other, all_metrics=False).state == "queued" for other in ahead)

    async def look_after(self) -> None:
        """Start jobs, stop jobs and record their ends, for ever."""
        while True:
            try:
                self.look()
            except Exception:
                # For example a full disk: the next round tries again.
                log.exception("the jobs could not be supervised")
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Start the next job, stop those that are to stop, record those that have ended."""
        listed = [self._store.read(job_id, all_metrics=False) for job_id in self._open]
        for job in listed:
            wanted = (self._store.folder(job.id) / jobs.CANCEL).exists()
            if job.state == "queued" and wanted:
                self._ended(job, "stopped")
            elif job.state in ("running", "stopping"):
                self._look_at(job, wanted)
        busy = any(job.state in ("running", "stopping") for job in listed)
        waiting = [job for job in listed if job.state == "queued"]
        if waiting and not busy:
            self._start(waiting[0])

    async def sweep_uploads(self) -> None:
        """Delete uploads and datasets that nobody has used for an hour, for ever."""
        while True:
            self._uploads.sweep(in_use=self._uploads_in_use())
            self._datasets.sweep()
            await asyncio.sleep(SWEEP_S)

    def _uploads_in_use(self) -> set[str]:
        configs = (self._store.read(job_id, all_metrics=False).config for job_id in self._open)
        return {config["upload"] for config in configs if config.get("upload")}

    def _look_at(self, job: Job, cancel: bool) -> None:
        process = _process_of(self._store, job.id)
        if process is None:
            self._write_down_end(job)
            return
        overdue = datetime.now().astimezone() - datetime.fromisoformat(job.started or job.created)
        if job.state == "running" and (cancel or overdue.total_seconds() > TIMEOUT_S):
            if not cancel:
                job.error = f"The job ran longer than {TIMEOUT_S / 3600:g} hours and was stopped."
            job.state = "stopping"
            self._store.write(job)
            self._stopping_since[job.id] = time.monotonic()
            _signal(process, signal.SIGTERM)
        elif job.state == "stopping":
            since = self._stopping_since.setdefault(job.id, time.monotonic())
            grace = REGISTER_GRACE_S if job.progress.stage == REGISTERING else STOP_GRACE_S
            if time.monotonic() - since > grace:
                _signal(process, signal.SIGKILL)

    def _lost(self, job_id: str) -> bool:
        """Whether a job's process has ended or belongs to an earlier Ray; in that case, kills what is left of it."""
        process = _process_of(self._store, job_id)
        if process is None:
            return True
        if read_json(self._store.folder(job_id) / PROCESS).get("session") == self._session:
            return False
        _signal(process, signal.SIGKILL)
        return True

    def _gone_for(self, job_id: str) -> float:
        """Seconds since its process was first seen to be gone."""
        now = time.monotonic()
        return now - self._gone_since.setdefault(job_id, now)

    def _start(self, job: Job) -> None:
        folder = self._store.folder(job.id)
        process = self._launch(folder)
        self._children[job.id] = process
        born = psutil.Process(process.pid).create_time()
        write_json(folder / PROCESS, {"pid": process.pid, "born": born, "session": self._session})
        job.state, job.started = "running", datetime.now().astimezone().isoformat()
        self._store.write(job)

    def _write_down_end(self, job: Job) -> None:
        outcome = self._store.outcome(job.id)
        if "result" in outcome:
            self._ended(job, "succeeded", result=outcome["result"])
        elif job.state == "stopping":
            self._ended(job, "failed" if job.error else "stopped", error=job.error)
        else:
            self._write_down_death(job, outcome)

    def _write_down_death(self, job: Job, outcome: dict[str, Any]) -> None:
        """Record the end of a job whose process ended without a result and without a request to stop."""
        child = self._children.get(job.id)
        status = child.poll() if child is not None else None
        if "error" in outcome:
            self._ended(job, "failed", error=outcome["error"])
        elif child is None:
            # An earlier supervisor started the job and is gone; the whole app may be stopping.
            self._ended(job, "interrupted", error="The job ended for an unknown reason; it can be resumed.")
        elif status in STOPPED_FROM_OUTSIDE:
            self._ended(job, "interrupted", error="The job was stopped from outside; it can be resumed.")
        elif self._gone_for(job.id) > DOUBT_S:
            gone = f"The job's process ended with status {status} before it was done; it can be resumed."
            self._ended(job, "failed", error=gone)

    def _ended(
        self, job: Job, state: jobs.State, error: str | None = None, result: dict[str, Any] | None = None
    ) -> None:
        job.state, job.error, job.result = state, error, result or {}
        job.ended = datetime.now().astimezone().isoformat()
        if job.id in self._open:
            self._open.remove(job.id)
        self._children.pop(job.id, None)
        self._stopping_since.pop(job.id, None)
        self._gone_since.pop(job.id, None)
        (self._store.folder(job.id) / jobs.CANCEL).unlink(missing_ok=True)
        self._store.write(job)
        # Keep the upload of a job that may be resumed, for as long as unused uploads are kept.
        used = job.config.get("upload")
        if used and state in ("succeeded", "stopped") and used not in self._uploads_in_use():
            self._uploads.delete(used)


def _refuse_without_model(model: str) -> None:
    """Raise NotPossible where the model of a job is gone; an example has none."""
    if model and model not in specs.names():
        raise NotPossible(f"There is no model {model} any more.")


def _process_of(store: Store, job_id: str) -> psutil.Process | None:
    """The process that runs a job, unless it has ended."""
    written = read_json(store.folder(job_id) / PROCESS)
    try:
        process = psutil.Process(written["pid"])
        alive = process.create_time() == written["born"] and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError):
        return None
    return process if alive else None


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)
class JobSupervisor(Supervisor):
    """The one Supervisor of a running app."""

    async def __init__(self) -> None:
        super().__init__(get_settings(), ray.get_runtime_context().get_session_name(), _launch)
        self._tasks = [asyncio.create_task(self.look_after()), asyncio.create_task(self.sweep_uploads())]


def _launch(folder: Path) -> subprocess.Popen:
    """Start the process that runs a job in this Ray; its output goes to the job's log."""
    environment = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address, "PYTHONUNBUFFERED": "1"}
    with (folder / jobs.LOG).open("a") as log:
        # In its own process group, so that all of it can be stopped; but in the app's session, within
        # which the scheduler compares the priorities of processes.
        return subprocess.Popen(
            [sys.executable, "-m", "training.jobs.runner", str(folder)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )


def supervisor() -> ray.actor.ActorHandle:
    """The app's supervisor actor, started if it is not running yet."""
    options = {"name": NAME, "namespace": NAMESPACE, "get_if_exists": True, "lifetime": "detached"}
    return JobSupervisor.options(**options, resources=ON_HEAD).remote()
