"""The process of one job: runs it and records its progress. ``training.jobs.supervisor`` starts it.

    python -m training.jobs.runner AIR_HOME/jobs/<id>

It joins the Ray at RAY_ADDRESS, so everything that it starts there ends with it. SIGTERM stops it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from models import specs
from settings import Settings, get_settings
from training import chapter, families
from training.jobs import program
from training.jobs import store as jobs
from training.runs import ray_session
from training.runs.errors import TrainingError
from training.runs.progress import REGISTERING
from training.runs.records import read_lines, write_json


class Files:
    """Writes progress into the job's folder; a ``training.runs.progress.Listener``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._progress: dict[str, Any] = {"stage": "starting", "share": 0.0, "note": {}, "eta_s": None}
        self._first: tuple[float, int] | None = None
        self._written_epochs = {line["step"] for line in read_lines(folder / jobs.METRICS)}
        self._write()

    def stage(self, name: str) -> None:
        """Record the current stage, in words."""
        if name == REGISTERING:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._progress |= {"stage": name}
        self._write()

    def step(self, done: int, total: int, note: dict[str, str]) -> None:
        """Record the position of a training; from the second call on, with an estimate of the time left."""
        now = time.monotonic()
        if self._first is None and done:
            self._first = (now, done)
        if self._first is not None and done > self._first[1]:
            seconds_a_step = (now - self._first[0]) / (done - self._first[1])
            self._progress["eta_s"] = round(seconds_a_step * (total - done), 1)
        self._progress |= {"share": done / total, "note": note}
        self._write()

    def epoch(self, number: int, figures: dict[str, float]) -> None:
        """Record the figures of an epoch or a boosting round; a resumed job reports earlier ones again."""
        if number in self._written_epochs:
            return
        self._written_epochs.add(number)
        with (self._folder / jobs.METRICS).open("a") as file:
            file.write(json.dumps({"step": number, **figures}) + "\n")

    def _write(self) -> None:
        write_json(self._folder / jobs.PROGRESS, self._progress)


def run(folder: Path) -> int:
    """Run the job of a folder; returns the exit status."""
    ray_session.give_way()
    settings = get_settings()
    job = jobs.Job.model_validate_json((folder / jobs.JOB).read_bytes())
    try:
        files = Files(folder)
        if job.kind == jobs.EXAMPLE:
            files.stage("running")
            result = program.run(chapter.RunExample.model_validate(job.config), folder)
        else:
            result = _run_in_ray(job, settings, files, folder)
    except TrainingError as error:
        return _end(folder, {"error": str(error)})
    except Exception as error:
        traceback.print_exc()
        return _end(folder, {"error": f"The job failed ({type(error).__name__}); see its log."})
    return _end(folder, {"result": result})


def _run_in_ray(job: jobs.Job, settings: Settings, files: Files, folder: Path) -> dict[str, Any]:
    """What the job made, for its ``result``. Raises TrainingError."""
    spec = specs.get(job.model)
    config = families.options(job.kind, spec.family).model_validate(job.config)
    # Workers of this Ray already have the app's environment; sending it again would cost seconds.
    ray_session.connect(settings, runtime_env=None)
    stop_on_sigterm()  # Ray puts a handler of its own in place, which prints a stack
    if job.kind == "batch_predict":
        from training.batch_predict import run as batch_predict

        return batch_predict.predict(spec, config, settings, folder / jobs.FILES, files)
    if job.kind == "tune":
        from training.tuning import study as tuning

        return tuning.tune(spec, config, settings, listener=files, run_name=job.id)
    version, _, metrics = families.train(spec, config, settings, listener=files, run_name=job.id)
    return {"version": version, "metrics": metrics}


def _end(folder: Path, outcome: dict[str, Any]) -> int:
    write_json(folder / jobs.OUTCOME, outcome)
    return 1 if "error" in outcome else 0


def stop_on_sigterm() -> None:
    """Make SIGTERM raise KeyboardInterrupt, so that the MLflow run is closed as killed."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def leave(status: int) -> NoReturn:
    """End this process at once: Ray frees what it held, and an orderly exit of all libraries would take seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    stop_on_sigterm()
    try:
        status = run(Path(sys.argv[1]))
    except KeyboardInterrupt:
        status = 130
    leave(status)
