"""The process of one job: runs its stage and writes down where it is. ``training.supervisor`` starts it.

    python -m training.job_runner AIR_HOME/jobs/<id>

It joins the Ray that RAY_ADDRESS names, so what it starts there ends with it. SIGTERM stops it.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from settings import get_settings
from training import jobs, ray_session
from training.errors import TrainingError

STAGES = {"cifar10": "training.cifar10", "breast-cancer": "training.breast_cancer"}


class Files:
    """Writes what a stage tells into the job's folder; a ``training.progress.Listener``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told: dict[str, Any] = {"stage": "starting", "share": 0.0, "note": {}, "eta_s": None}
        self._first: tuple[float, int] | None = None
        self._write()

    def stage(self, name: str) -> None:
        """What it is doing, in words."""
        self._told |= {"stage": name}
        self._write()

    def step(self, done: int, total: int, note: dict[str, str]) -> None:
        """Where the training is; the time left is told from the second look on."""
        now = time.monotonic()
        if self._first is None and done:
            self._first = (now, done)
        if self._first is not None and done > self._first[1]:
            seconds_a_step = (now - self._first[0]) / (done - self._first[1])
            self._told["eta_s"] = round(seconds_a_step * (total - done), 1)
        self._told |= {"share": done / total, "note": note}
        self._write()

    def epoch(self, number: int, figures: dict[str, float]) -> None:
        """The figures of an epoch or a boosting round."""
        with (self._folder / jobs.METRICS).open("a") as file:
            file.write(json.dumps({"step": number, **figures}) + "\n")

    def _write(self) -> None:
        jobs.write_json(self._folder / jobs.PROGRESS, self._told)


def run(folder: Path) -> int:
    """Run the job of a folder; returns the exit status."""
    ray_session.give_way()
    settings = get_settings()
    job = jobs.Job.model_validate_json((folder / jobs.JOB).read_bytes())
    config = jobs.SCHEMAS[job.kind, job.model].model_validate(job.config)
    try:
        files = Files(folder)
        # Workers of this Ray have the app's environment already; sending it again would cost seconds.
        ray_session.connect(settings, runtime_env=None)
        stop_on_sigterm()  # Ray puts a handler of its own in place, which prints a stack
        stage = import_module(STAGES[job.model])
        version, _, metrics = stage.train(config, settings, listener=files, run_name=job.id)
    except TrainingError as error:
        return _end(folder, {"error": str(error)})
    except Exception as error:
        traceback.print_exc()
        return _end(folder, {"error": f"The job failed ({type(error).__name__}); its log says where."})
    return _end(folder, {"result": {"version": version, "metrics": metrics}})


def _end(folder: Path, outcome: dict[str, Any]) -> int:
    jobs.write_json(folder / jobs.OUTCOME, outcome)
    return 1 if "error" in outcome else 0


def stop_on_sigterm() -> None:
    """Make SIGTERM raise KeyboardInterrupt, so that the MLflow run is closed as killed."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


if __name__ == "__main__":
    stop_on_sigterm()
    try:
        sys.exit(run(Path(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(130)
