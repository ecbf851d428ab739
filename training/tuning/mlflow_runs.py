"""A study in MLflow: a run with one child run for each trial.

A separate thread writes each trial that has ended: the store takes some hundredths of a second for each,
and Ray Tune's loop must not wait for it.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from training.tuning.studies import ENDED, Study, Trial

TRIAL_TAG = "trial"
METRICS_AT_ONCE = 500
STATUS = {"finished": "FINISHED", "stopped": "FINISHED", "failed": "FAILED"}


class StudyRuns:
    """Writes the trials of one study inside the ``with`` block; trials that MLflow already has are skipped."""

    def __init__(self, client: MlflowClient, run_id: str, study: Study) -> None:
        self._client, self._parent, self._study = client, run_id, study
        self._experiment = client.get_run(run_id).info.experiment_id
        self._children = self._written()
        self._waiting: queue.SimpleQueue[Trial | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._failure: Exception | None = None

    def __enter__(self) -> StudyRuns:
        self._thread.start()
        for trial in self._study.trials:
            if trial.trial not in self._children:
                self.add(trial)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._waiting.put(None)
        self._thread.join()
        if self._failure is not None:
            print(f"Some trials could not be written to MLflow: {self._failure}", file=sys.stderr)

    def add(self, trial: Trial) -> None:
        """Queue a trial that has ended for writing."""
        if trial.state in ENDED:
            self._waiting.put(trial)

    def keep_model(self, trial: str, folder: Path) -> None:
        """Store the model of the best trial with its run, if the run exists; call it after the block."""
        if trial in self._children and folder.is_dir():
            self._client.log_artifacts(self._children[trial], str(folder), "checkpoint")

    def _written(self) -> dict[str, str]:
        found = self._client.search_runs(
            [self._experiment], f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self._parent}'", max_results=10_000
        )
        return {run.data.tags[TRIAL_TAG]: run.info.run_id for run in found}

    def _write_all(self) -> None:
        while (trial := self._waiting.get()) is not None:
            try:
                self._write(trial)
            except Exception as error:
                self._failure = self._failure or error

    def _write(self, trial: Trial) -> None:
        tags = {TRIAL_TAG: trial.trial, MLFLOW_PARENT_RUN_ID: self._parent, "stopped_because": trial.stopped_because}
        began = int(1000 * trial.started)
        run_id = self._client.create_run(
            self._experiment, began, {name: str(value) for name, value in tags.items()}, f"trial {trial.trial}"
        ).info.run_id
        now = int(1000 * time.time())
        metrics = [
            Metric(name, value, now, int(figures["step"]))
            for figures in trial.metrics
            for name, value in figures.items()
            if name != "step"
        ]
        for start in range(0, len(metrics), METRICS_AT_ONCE):
            self._client.log_batch(run_id, metrics=metrics[start : start + METRICS_AT_ONCE])
        self._client.log_batch(
            run_id,
            params=[Param(name, str(value)) for name, value in trial.params.items()],
            tags=[RunTag("state", trial.state)],
        )
        ended = began + int(1000 * (trial.duration_s or 0))
        self._client.set_terminated(run_id, STATUS[trial.state], ended)
        self._children[trial.trial] = run_id
