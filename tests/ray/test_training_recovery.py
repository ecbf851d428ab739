"""Trainings that are cut off, fed bad data or run out of disk: they go on, or say why in a sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.fs
import pytest
import torch

from settings import ROOT, Settings
from training import cifar10 as stage
from training import cifar10_data, lone_worker, ray_session
from training.cifar10_learner import Learner
from training.cifar10_loaders import MemoryLoader, ShardLoader
from training.config import TrainCifar10
from training.datasets import cifar10_ray
from training.datasets.cifar10 import Pictures
from training.errors import DataError, DivergedError, TrainingError, UnreadablePictureError, telling_of_a_full_disk
from training.progress import Epoch, Listener

EPOCHS = 4
RUN = TrainCifar10(preset="quick", epochs=EPOCHS, batch_size=60, num_workers=2)


def _worker_processes() -> list[psutil.Process]:
    """Ray Train's workers of this test's own Ray."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "RayTrainWorker" in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


class Killer(Listener):
    """Kills a worker when the second epoch is over; remembers each epoch that it is told of."""

    def __init__(self) -> None:
        self.killed: list[int] = []
        self.told: dict[int, Epoch] = {}

    def epoch(self, number: int, figures: Epoch) -> None:
        """Called by the driver while it trains."""
        self.told[number] = figures
        if number == 1 and not self.killed:
            victim = _worker_processes()[-1]
            self.killed.append(victim.pid)
            victim.kill()


@pytest.fixture(scope="module")
def loaded(training_settings: Settings) -> cifar10_data.Loaded:
    """The small data set as a training takes it."""
    return cifar10_data.load(training_settings, RUN)


@pytest.mark.parametrize("workers", [1, 2])
def test_run_whose_worker_is_killed_ends_as_one_that_was_left_alone(
    training_settings: Settings, loaded: cifar10_data.Loaded, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    run = RUN.model_copy(update={"num_workers": workers})
    undisturbed, history = stage.fit(run, training_settings, loaded)
    killer = Killer()
    state, after = stage.fit(run, training_settings, loaded, listener=killer)
    assert len(killer.killed) == 1
    assert "going on from the last epoch" in capsys.readouterr().out
    assert sorted(after) == sorted(history) == list(range(EPOCHS))
    for epoch in range(EPOCHS):
        assert after[epoch]["train_loss"] == pytest.approx(history[epoch]["train_loss"], rel=1e-4), epoch
    last = EPOCHS - 1
    assert after[last]["validation_accuracy"] == pytest.approx(history[last]["validation_accuracy"], abs=0.026)
    assert all(torch.allclose(state[name], value, atol=1e-3) for name, value in undisturbed.items())


def _learner(loaded: cifar10_data.Loaded) -> Learner:
    device = torch.device("cpu")
    loader = MemoryLoader(*loaded.train, RUN.batch_size, RUN.seed, 0, 1, device)
    return Learner(loaded.recipe(RUN), loader, loaded.sample, loaded.validation, device)


def test_run_that_goes_on_from_a_kept_state_ends_with_the_same_weights(
    loaded: cifar10_data.Loaded, tmp_path: Path
) -> None:
    whole, first = _learner(loaded), _learner(loaded)
    for epoch in range(EPOCHS):
        whole.epoch(epoch)
    for epoch in range(2):
        first.epoch(epoch)
    torch.save(first.state(), tmp_path / "state.pt")
    second = _learner(loaded)
    second.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    for epoch in range(2, EPOCHS):
        second.epoch(epoch)
    weights = whole.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in second.network.state_dict().items())


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


def test_worker_that_finds_no_place_is_told_in_a_sentence(
    training_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray_session.connect(training_settings)
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "2")
    with pytest.raises(TrainingError, match=r"^No worker could start within 2 s: Ray has no node with 900 CPU free\."):
        lone_worker.fit(print, {}, None, {"num_cpus": 900, "num_gpus": 0})


def test_loss_that_is_not_finite_is_told_at_once_and_not_tried_again(
    training_settings: Settings, loaded: cifar10_data.Loaded, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = replace(loaded, preprocessor=loaded.preprocessor | {"std": [1e-42] * 3})
    with pytest.raises(DivergedError, match=r"The loss became nan at step 0 with learning rate 0\.\d+; try a smaller"):
        stage.fit(RUN.model_copy(update={"net": "lenet"}), training_settings, endless)
    assert "going on" not in capsys.readouterr().out


@pytest.fixture(scope="module")
def broken(loaded: cifar10_data.Loaded) -> Pictures:
    """The training pictures, of which number 77 breaks off."""
    stored = loaded.stored.stored.to_pylist()
    stored[77] = stored[77][:90]
    return replace(loaded.stored, stored=pa.array(stored, type=pa.binary()))


@pytest.mark.parametrize("flow", [cifar10_ray.streamed, cifar10_ray.from_torch])
def test_picture_that_cannot_be_read_is_known_by_its_number(flow: Callable[[Pictures], Any], broken: Pictures) -> None:
    loader = ShardLoader(flow(broken).iterator(), len(broken), 60, seed=0, world=1, device=torch.device("cpu"))
    with pytest.raises(UnreadablePictureError) as found:
        list(loader.epoch(0))
    assert found.value.index == 77


def test_picture_that_cannot_be_read_ends_a_training_with_its_name(
    training_settings: Settings, loaded: cifar10_data.Loaded, broken: Pictures, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TrainCifar10(net="lenet", loader="stream", epochs=1, batch_size=60)
    with pytest.raises(DataError, match=r"^train/\w+/\d+\.png cannot be decoded; replace or remove it\.$"):
        stage.fit(config, training_settings, replace(loaded, train=None, stored=broken))
    assert "going on" not in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("unshare") is None, reason="a disk of its own needs Linux's unshare")
def test_full_disk_is_told_in_a_sentence_and_leaves_no_version(small_cifar10: Path, tmp_path: Path) -> None:
    """AIR_HOME on a disk of 24 MB: the shipped models fit, the state of a training of ``best`` does not."""
    disk = tmp_path / "disk"
    disk.mkdir()
    train = f"{sys.executable} -m training.cifar10 --preset best --epochs 1 --max-images 40"
    look = f"{sys.executable} -m models.registry"
    left = f"find {disk} -name '*.partial'"
    script = f"mount -t tmpfs -o size=24m tmpfs {disk} && {{ {train}; echo status $?; {look}; {left}; }}"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    ended = subprocess.run(
        ["unshare", *user, "--mount", "sh", "-c", script],
        cwd=ROOT,
        env={**os.environ, "AIR_HOME": str(disk / "home"), "CIFAR10_DIR": str(small_cifar10)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, ended.stderr
    assert errors[0].startswith("error: The disk is full (")
    assert errors[0].endswith("). Free some space, or set AIR_HOME and TMPDIR elsewhere.")
    assert "Traceback" not in ended.stderr
    status, *listed = ended.stdout[ended.stdout.index("status ") :].splitlines()
    assert status == "status 2"
    assert [line.split()[:2] for line in listed] == [["cifar10", "1"], ["breast-cancer", "1"]], "or partial folders"


def test_full_database_counts_as_a_full_disk() -> None:
    @telling_of_a_full_disk()
    def write() -> None:
        raise RuntimeError("(sqlite3.OperationalError) database or disk is full")

    with pytest.raises(TrainingError, match="The disk is full"):
        write()
