"""Jobs: their configuration, progress and outcome, kept in AIR_HOME so that history survives a restart.

    python -m training.jobs list
    python -m training.jobs show JOB
    python -m training.jobs cancel JOB

    AIR_HOME/jobs/<id>/
      job.json        configuration and state                 (written by training.jobs.supervisor)
      progress.json   stage and position                      (written by the job's process)
      metrics.jsonl   figures by step                         (the same)
      outcome.json    the result, or the error in one sentence (the same, when it ends by itself)
      log.txt         the process's output
      files/          files to download
      work/           the current folder of an example's program; its picture stays
      cancel          a request to stop it

A job runs in its own process (``training.jobs.runner``): it can be stopped at any time, and
Ray then frees everything that it held.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from models import specs
from models.artifact.storage import without_secrets
from settings import Settings, SettingsError, get_settings
from training import chapter, families
from training.runs import sentences
from training.runs.config import JobConfig
from training.runs.errors import ConfigError, OptionError
from training.runs.records import ID, new_id, read_json, read_lines, write_json
from training.tuning.space import SpaceError

Kind = Literal["train", "tune", "batch_predict", "example"]
EXAMPLE: Kind = "example"
State = Literal["queued", "running", "stopping", "stopped", "succeeded", "failed", "interrupted"]
RESUMABLE: set[State] = {"stopped", "failed", "interrupted"}
ENDED: set[State] = {*RESUMABLE, "succeeded"}
CANCELLABLE: set[State] = {"queued", "running"}
# The colours of a terminal; Ray has them in its own lines.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
JOB, PROGRESS, METRICS, OUTCOME, LOG, CANCEL, FILES, WORK = (
    "job.json",
    "progress.json",
    "metrics.jsonl",
    "outcome.json",
    "log.txt",
    "cancel",
    "files",
    "work",
)
TAIL_BYTES = 8_192


class Progress(BaseModel):
    """The progress of a running job: ``share`` 0..1 of its steps, the stage in words, and current figures."""

    model_config = ConfigDict(extra="forbid")

    stage: str = ""
    share: float = 0.0
    note: dict[str, str] = {}


class Job(BaseModel):
    """A job as the API shows it. Times are ISO 8601 with zone; ``model`` is empty for an example."""

    model_config = ConfigDict(extra="forbid")

    id: str
    kind: Kind
    model: str
    config: dict[str, Any]
    state: State = "queued"
    position: int | None = None
    progress: Progress = Progress()
    eta_s: float | None = None
    created: str
    started: str | None = None
    ended: str | None = None
    metrics: list[dict[str, float]] = []
    error: str | None = None
    result: dict[str, Any] = {}


def shown(job: Job) -> Job:
    """The job as anybody may read it: without logins and signatures in its addresses."""
    return Job.model_validate(without_secrets(job.model_dump()))


class UnknownJob(Exception):
    """There is no such job; str() is a sentence."""


def validated(kind: str, model: str, config: dict[str, Any]) -> dict[str, Any]:
    """``config`` with every default filled in. Raises ConfigError; OptionError where an option is wrong."""
    try:
        return _completed(kind, model, config).recorded()
    except OptionError as error:
        raise OptionError(error.field, error.problem) from error
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        field = [*map(str, first["loc"]), *(cause.path if isinstance(cause, SpaceError) else ())]
        said = cause.problem if isinstance(cause, SpaceError) else sentences.said_of(first)
        raise OptionError(field, f"{said}{sentences.got(first)}") from error


def _completed(kind: str, model: str, config: dict[str, Any]) -> JobConfig:
    """The options of a job. Raises ConfigError and pydantic's ValidationError."""
    if kind == EXAMPLE:
        if model:
            raise ConfigError(f"model: an example has no model, got {model!r}.")
        return chapter.RunExample.model_validate(config).known()
    if not model:
        raise ConfigError("model: is missing.")
    try:
        spec = specs.get(model)
    except specs.UnknownModel as error:
        raise ConfigError(f"model: {_lower(error)}") from error
    return families.options(kind, spec.family).model_validate(config).completed(spec)


def _lower(error: Exception) -> str:
    sentence = str(error)
    return sentence[:1].lower() + sentence[1:]


class Store:
    """The folders of all jobs."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.air_home / "jobs"

    def folder(self, job_id: str) -> Path:
        """The folder of a job. Raises UnknownJob."""
        folder = self._root / job_id
        if not ID.fullmatch(job_id) or not (folder / JOB).exists():
            raise UnknownJob(f"There is no job {job_id[:80]!r}.")
        return folder

    def create(self, kind: Kind, model: str, config: dict[str, Any]) -> Job:
        """Record a new job, queued, with a validated configuration."""
        now = datetime.now().astimezone()
        job = Job(
            id=new_id(now),
            kind=kind,
            model=model,
            config=config,
            created=now.isoformat(),
        )
        (self._root / job.id).mkdir(parents=True)
        self.write(job)
        return job

    def write(self, job: Job) -> None:
        """Replace a job's own file."""
        kept = job.model_dump(exclude={"position", "progress", "eta_s", "metrics"})
        write_json(self._root / job.id / JOB, kept)

    def read(self, job_id: str, all_metrics: bool = True) -> Job:
        """A job with what its process has written; without ``all_metrics``, only the last figures.

        Raises UnknownJob.
        """
        folder = self.folder(job_id)
        job = Job.model_validate_json((folder / JOB).read_bytes())
        written = read_json(folder / PROGRESS)
        job.metrics = list(read_lines(folder / METRICS)) if all_metrics else _last_line(folder / METRICS)
        eta_s = written.pop("eta_s", None)
        job.eta_s = eta_s if job.state == "running" else None
        job.progress = Progress(**written)
        return job

    def jobs(self) -> list[Job]:
        """Every job, newest first, each with its last figures."""
        found = [self.read(path.parent.name, all_metrics=False) for path in self._root.glob(f"*/{JOB}")]
        return sorted(found, key=lambda job: job.created, reverse=True)

    def delete(self, job_id: str) -> None:
        """Delete a job with all its files. Raises UnknownJob."""
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def outcome(self, job_id: str) -> dict[str, Any]:
        """The outcome that the job's process wrote when it ended by itself; empty when it did not."""
        return read_json(self.folder(job_id) / OUTCOME)

    def log_tail(self, job_id: str, lines: int) -> str:
        """The last lines of the job's output, without colours; a progress bar counts as one line."""
        try:
            # As bytes: read as text, each redrawing would be a line.
            text = COLOURS.sub("", (self.folder(job_id) / LOG).read_bytes().decode(errors="replace"))
        except FileNotFoundError:
            return ""
        drawn = (line.rpartition("\r")[2] for line in text.rstrip("\n").split("\n"))
        return without_secrets("\n".join(list(drawn)[-lines:]))

    def ask_to_stop(self, job_id: str) -> None:
        """Leave the request at which the supervisor stops the job. Raises UnknownJob."""
        (self.folder(job_id) / CANCEL).touch()


def _last_line(path: Path) -> list[dict[str, float]]:
    """The last complete line of a file that may be growing, without reading all of it."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            whole = file.read().rpartition(b"\n")[0]
    except FileNotFoundError:
        return []
    last = whole.rpartition(b"\n")[2]
    return [json.loads(last)] if last else []


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    try:
        store = Store(get_settings())
        match arguments:
            case ["list"]:
                for job in map(shown, store.jobs()):
                    share = f"{job.progress.share:.0%}" if job.state == "running" else ""
                    what = job.model or job.config["name"]
                    print(f"{job.id}  {job.kind:13} {what:14} {job.state:12} {share:5} {job.error or ''}")
            case ["show", job_id]:
                print(shown(store.read(job_id)).model_dump_json(indent=2))
                print(store.log_tail(job_id, 20))
            case ["cancel", job_id]:
                store.ask_to_stop(job_id)
                print(f"{job_id} is being stopped")
            case _:
                print("usage: python -m training.jobs list | show JOB | cancel JOB", file=sys.stderr)
                return 2
    except (UnknownJob, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
