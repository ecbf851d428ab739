"""Studies of a studio, played by a test: the real record with invented trials."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

from models import specs
from tests.helpers.in_process.played import Played
from tests.helpers.in_process.studio import Studio
from training import families
from training.jobs import store as jobs
from training.runs.records import read_json
from training.tuning import studies
from training.tuning import study as tuning
from training.tuning.config import Task
from training.tuning.recorder import recording

NO_RUNS = SimpleNamespace(add=lambda trial: None)
NO_MODEL = SimpleNamespace(checkpoint=None)


class PlayedStudy:
    """The study of a queued job, once it runs."""

    def __init__(self, studio: Studio, job_id: str) -> None:
        self._running = Played(studio, job_id)
        job = read_json(studio.home / "jobs" / job_id / jobs.JOB)
        spec = specs.get(job["model"])
        config = families.TUNE[spec.family].model_validate(job["config"]).written_out(spec)
        task = Task(spec, config)
        self._metric = task.search.metric
        self._held = ExitStack()
        root = studies.Store(studio.settings).root
        self._recorder = self._held.enter_context(recording(root, tuning.header_of(task, job_id)))
        self._running.stage("tuning")
        self._progress = tuning.StudyReporter(task, self._recorder, NO_RUNS, self._running)

    def begin(self, trial: str, params: dict[str, Any], *values: float) -> None:
        """Begin a trial with these values of the study's metric, one every 20 steps."""
        self._recorder.started(trial, params)
        self._progress.begun(trial)
        for number, value in enumerate(values, 1):
            self._recorder.figures(trial, {"step": 20 * number, self._metric: value})

    def end_trial(self, trial: str, state: studies.TrialState, because: str) -> None:
        """It ends."""
        self._progress.ended(self._recorder.ended(trial, state, because), NO_MODEL)

    def succeed(self) -> None:
        """End as a study that succeeded."""
        tuning.end(self._recorder, "succeeded")
        self._held.close()
        self._running.succeed(tuning.outcome(self._recorder.study))

    def stop(self) -> None:
        """End as a study that was stopped."""
        tuning.end(self._recorder, "stopped")
        self._held.close()
