"""An interrupted training: its saved state, retries, messages."""

from __future__ import annotations

from pathlib import Path

import pyarrow.fs
import pytest
from ray.train import WorkerGroupError

from training.runs import fitting, lone_worker
from training.runs.errors import DivergedError, TrainingError, full_disk_as_data_error


def test_state_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    kept = lone_worker.Kept(pyarrow.fs.LocalFileSystem(), str(folder))
    assert kept.read() is None
    kept.write(b"first")
    in_the_way = folder / "training.pt.partial"
    in_the_way.mkdir()
    with pytest.raises(OSError, match="directory"):
        kept.write(b"second")
    assert kept.read() == b"first"
    in_the_way.rmdir()
    kept.write(b"third")
    assert kept.read() == b"third"
    assert [file.name for file in folder.iterdir()] == ["training.pt"]


def test_full_database_counts_as_a_full_disk() -> None:
    @full_disk_as_data_error()
    def write() -> None:
        raise RuntimeError("(sqlite3.OperationalError) database or disk is full")

    with pytest.raises(TrainingError, match="The disk is full"):
        write()


class Attempts:
    """Fails with each of ``failures`` in turn, like a worker of Ray Train, and then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.count, self._failures = 0, list(failures)

    def __call__(self) -> str:
        self.count += 1
        if self._failures:
            raise WorkerGroupError("", {1: self._failures.pop(0)})
        return "trained"


def test_dead_worker_is_replaced_as_often_as_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    dead = RuntimeError("it is gone")
    attempts = Attempts(dead, dead)
    assert fitting.fit(attempts, restarts=2) == "trained"
    assert capsys.readouterr().out == "A worker died (RuntimeError: it is gone); continuing from the last epoch.\n" * 2
    attempts = Attempts(dead, dead, dead)
    with pytest.raises(TrainingError, match=r"^Training stopped: RuntimeError: it is gone$"):
        fitting.fit(attempts, restarts=2)
    assert attempts.count == 3


def test_what_would_go_wrong_again_is_told_at_once_and_not_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    for failure, sentence in (
        (DivergedError("The loss became nan at step 0."), "The loss became nan at step 0."),
        (OSError(28, "No space left on device"), "The disk is full"),
    ):
        attempts = Attempts(failure)
        with pytest.raises(TrainingError, match=f"^{sentence}"):
            fitting.fit(attempts, restarts=2)
        assert attempts.count == 1
    assert "going on" not in capsys.readouterr().out
