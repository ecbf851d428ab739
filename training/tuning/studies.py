"""Studies with their trials and the best result; kept in AIR_HOME, readable while one runs.

    python -m training.tuning.studies list
    python -m training.tuning.studies show STUDY

    AIR_HOME/studies/<id>/
      study.json          the options and the state
      trials.jsonl        the events of the trials, one per line: started, figures, ended
      checkpoint-<trial>/ the model of the best trial
      lock                held by the process that runs the study

``training.tuning.recorder`` writes them. ``training/tuning/shipped`` has studies that ship with AIR Studio;
they are listed with the others.
"""

from __future__ import annotations

import fcntl
import shutil
import sys
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from settings import ROOT, Settings, SettingsError, get_settings
from training.runs.errors import ConfigError
from training.runs.records import ID, read_lines

SHIPPED = ROOT / "training" / "tuning" / "shipped"
STUDY, TRIALS, LOCK, CHECKPOINT = "study.json", "trials.jsonl", "lock", "checkpoint-"
CUT_OFF = "the study was cut off"

StudyState = Literal["running", "succeeded", "stopped", "failed", "interrupted"]
TrialState = Literal["running", "finished", "stopped", "failed", "interrupted"]
ENDED: set[TrialState] = {"finished", "stopped", "failed"}


class UnknownStudy(ConfigError):
    """There is no such study; the message is a sentence."""


class Trial(BaseModel):
    """One trial. ``metrics`` has the figures by ``step``; ``stopped_because`` says why it ended, in words."""

    model_config = ConfigDict(extra="forbid")

    trial: str
    state: TrialState = "running"
    params: dict[str, Any]
    metrics: list[dict[str, float]] = []
    started: float
    duration_s: float | None = None
    stopped_because: str | None = None

    def value(self, metric: str) -> float | None:
        """The last value of a metric."""
        return self.metrics[-1].get(metric) if self.metrics else None

    def cut_off(self) -> Trial:
        """This trial, marked interrupted if it had not ended."""
        if self.state != "running":
            return self
        return self.model_copy(update={"state": "interrupted", "stopped_because": CUT_OFF})


class Best(BaseModel):
    """The best trial, and ``config``: the training configuration with its parameters."""

    model_config = ConfigDict(extra="forbid")

    trial: str
    value: float
    params: dict[str, Any]
    config: dict[str, Any]


class Header(BaseModel):
    """``study.json``: a study without its trials."""

    model_config = ConfigDict(extra="forbid")

    study: str
    model: str
    state: StudyState
    metric: str
    mode: Literal["min", "max"]
    config: dict[str, Any]
    num_samples: int
    step: str
    created: str
    ended: str | None = None
    duration_s: float = 0.0
    error: str | None = None
    best: Best | None = None
    run_id: str | None = None
    data: dict[str, str] = {}


class Summary(Header):
    """A study with the number of its trials."""

    trials: int


class Study(Header):
    """A study with its trials, oldest first."""

    trials: list[Trial] = []

    def best_trial(self) -> Trial | None:
        """The best trial that finished; if none did, the best that ASHA stopped."""
        for state in ("finished", "stopped"):
            known = [trial for trial in self.trials if trial.state == state and trial.value(self.metric) is not None]
            if known:
                return (min if self.mode == "min" else max)(known, key=lambda trial: trial.value(self.metric))
        return None


class Store:
    """The folders of all studies, those of AIR_HOME and the shipped ones."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.air_home / "studies"

    def folder(self, study: str) -> Path:
        """The folder of a study. Raises UnknownStudy."""
        for root in (self.root, SHIPPED):
            if ID.fullmatch(study) and (root / study / STUDY).exists():
                return root / study
        raise UnknownStudy(f"There is no study {study[:80]!r}.")

    def own_folder(self, study: str) -> Path:
        """The folder of a study of this AIR_HOME. Raises UnknownStudy."""
        folder = self.folder(study)
        if folder.parent != self.root:
            raise UnknownStudy(f"The study {study} ships with AIR Studio; it is read-only and cannot be resumed.")
        return folder

    def read(self, study: str) -> Study:
        """A study with every trial, also while another process runs it. Raises UnknownStudy."""
        return read(self.folder(study))

    def forget(self, model: str) -> list[Summary]:
        """Delete the studies of a model in this AIR_HOME; returns them."""
        found = [_summary(path.parent) for path in self.root.glob(f"*/{STUDY}")]
        gone = [study for study in found if study.model == model]
        for study in gone:
            shutil.rmtree(self.root / study.study, ignore_errors=True)
        return gone

    def summaries(self) -> list[Summary]:
        """Every study, newest first."""
        found = [_summary(path.parent) for root in (self.root, SHIPPED) for path in root.glob(f"*/{STUDY}")]
        return sorted(found, key=lambda study: datetime.fromisoformat(study.created), reverse=True)


def read(folder: Path) -> Study:
    """The study of a folder; interrupted if it has not ended and no process runs it."""
    study = Study(**_header(folder).model_dump())
    trials: dict[str, Trial] = {}
    for event in read_lines(folder / TRIALS):
        name = event["trial"]
        match event["event"]:
            case "started":
                trials[name] = Trial(trial=name, params=event["params"], started=event["at"])
            case "figures":
                trials[name].metrics.append(event["figures"])
            case "ended":
                outcome = {key: event[key] for key in ("state", "duration_s", "stopped_because")}
                trials[name] = trials[name].model_copy(update=outcome)
    study.trials = list(trials.values())
    if study.state == "interrupted":
        study.trials = [trial.cut_off() for trial in study.trials]
    return study


def _header(folder: Path) -> Header:
    header = Header.model_validate_json((folder / STUDY).read_bytes())
    if header.state == "running" and not _is_held(folder / LOCK):
        header.state = "interrupted"
    return header


def _summary(folder: Path) -> Summary:
    trials = folder / TRIALS
    size = trials.stat().st_size if trials.exists() else 0
    return Summary(**_header(folder).model_dump(), trials=_count(trials, size))


@lru_cache(maxsize=1_000)
def _count(trials: Path, size: int) -> int:  # noqa: ARG001 - the cache key: lines are only added
    """The number of trials of a file; cached, since screens poll it and most studies have ended."""
    return len({event["trial"] for event in read_lines(trials)})


def _is_held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    try:
        store = Store(get_settings())
        match arguments:
            case ["list"]:
                for study in store.summaries():
                    best = f"{study.metric} {study.best.value:.4f}" if study.best else "-"
                    print(f"{study.study:28} {study.model:14} {study.state:12} {study.trials:4} trials  {best}")
            case ["show", study_id]:
                print(store.read(study_id).model_dump_json(indent=2))
            case _:
                print("usage: python -m training.tuning.studies list | show STUDY", file=sys.stderr)
                return 2
    except (UnknownStudy, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
