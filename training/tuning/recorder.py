"""Records a study while it runs, so that other processes can read it and the study can be resumed.

A line of ``trials.jsonl`` is complete or absent, so the record survives a process that is killed at any moment,
and a resumed study reads there which trials have ended.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.runs.errors import ConfigError
from training.runs.records import write_whole
from training.tuning.studies import CHECKPOINT, LOCK, STUDY, TRIALS, Header, Study, Trial, TrialState, read

DIGITS = 6


class Recorder:
    """Records a study while it runs. Made by ``recording``."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder = folder
        self.study = study
        self._trials = {trial.trial: trial for trial in study.trials}
        self._spent, self._began = study.duration_s, time.time()
        self._file = _whole(folder / TRIALS).open("a")

    def started(self, trial: str, params: dict[str, Any]) -> None:
        """A trial starts, or restarts."""
        self._trials.pop(trial, None)
        self._trials[trial] = Trial(trial=trial, params=params, started=time.time())
        self._write({"event": "started", "trial": trial, "params": params, "at": round(time.time(), 3)})

    def figures(self, trial: str, figures: dict[str, float]) -> None:
        """Record a trial's figures, which include its ``step``."""
        rounded = {name: value if name == "step" else _rounded(value) for name, value in figures.items()}
        self._trials[trial].metrics.append(rounded)
        self._write({"event": "figures", "trial": trial, "figures": rounded})

    def ended(self, trial: str, state: TrialState, because: str) -> Trial:
        """A trial ends; returns it."""
        duration = round(time.time() - self._trials[trial].started, 2)
        outcome = {"state": state, "duration_s": duration, "stopped_because": because}
        self._trials[trial] = self._trials[trial].model_copy(update=outcome)
        self._write({"event": "ended", "trial": trial, **outcome})
        return self._trials[trial]

    def running(self) -> list[str]:
        """The trials that have not ended."""
        return [name for name, trial in self._trials.items() if trial.state == "running"]

    def save(self, **changed: Any) -> None:
        """Write ``study.json`` with the given fields changed."""
        changed["duration_s"] = round(self._spent + time.time() - self._began, 1)
        self.study = self.study.model_copy(update={**changed, "trials": list(self._trials.values())})
        header = Header(**self.study.model_dump(exclude={"trials"}))
        write_whole(self.folder / STUDY, header.model_dump_json(indent=1))

    def keep_model(self, trial: str, write: Any) -> None:
        """Keep a trial's model, which ``write`` writes into a given folder, and delete those of other trials."""
        kept = self.folder / f"{CHECKPOINT}{trial}"
        half = self.folder / f".{CHECKPOINT}{trial}"
        shutil.rmtree(half, ignore_errors=True)
        write(half)
        shutil.rmtree(kept, ignore_errors=True)
        half.rename(kept)
        for other in self.folder.glob(f"{CHECKPOINT}*"):
            if other != kept:
                shutil.rmtree(other)

    def _write(self, event: dict[str, Any]) -> None:
        self._file.write(json.dumps(event) + "\n")
        self._file.flush()
        self.study.trials = list(self._trials.values())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@contextmanager
def recording(root: Path, header: Header) -> Iterator[Recorder]:
    """Lock and record a study; an existing one is resumed. Raises ConfigError if another process holds the lock."""
    folder = root / header.study
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"The study {header.study} is running already.") from error
        known = read(folder) if (folder / STUDY).exists() else Study(**header.model_dump())
        known.trials = [trial.cut_off() for trial in known.trials]
        recorder = Recorder(folder, known)
        try:
            recorder.save(state="running", ended=None, error=None)
            yield recorder
        finally:
            recorder.close()


def _whole(path: Path) -> Path:
    """The file, after an incomplete last line is cut off."""
    if path.exists():
        with path.open("r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
    return path


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
