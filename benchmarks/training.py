"""Training of the image model through Ray compared with the same loop in plain PyTorch.

    make bench-training           needs CIFAR10_DIR and a quiet machine; about 25 minutes on 2 cores

Each round has its own seed and trains ``--preset`` in three ways, one after the other: a plain process, one worker
of Ray Train, two workers. All use ``training.image.learner``, and validate and save their state after each
epoch. Images a second cover everything from the end of the first epoch to the end of the last; start-up
has a column of its own. Ray's times are accurate to half a second.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.harness import report
from benchmarks.harness.rounds import say
from benchmarks.harness.servers import clean_environment
from models import specs
from settings import ROOT, Settings, available_cpus, get_settings
from training.image import data as cifar10_data
from training.image.data import Loaded
from training.runs import ray_session
from training.runs.config import TrainImages
from training.runs.progress import Epoch, Listener

IMAGES = specs.get("cifar10")

ROUNDS = 3
ENOUGH = 0.8
IMAGES_FILE = "images.npz"
PLAIN, ONE, TWO = "plain PyTorch, one process", "`training.cifar10`, 1 worker", "`training.cifar10`, 2 workers"
AIMS = (
    ("images/s, 1 worker ÷ plain", ONE, "images_per_s", "≥ 0.97", lambda ratio: ratio >= 0.97),
    ("seconds to 80 %, 1 worker ÷ plain", ONE, "to_enough_s", "≤ 1.0", lambda ratio: ratio <= 1.0),
    ("images/s, 2 workers ÷ plain", TWO, "images_per_s", "≥ 0.9", lambda ratio: ratio >= 0.9),
)


@dataclass
class Run(Listener):
    """The figures of one training; as a Listener it collects those of Ray's."""

    images: int
    began: float = field(default_factory=time.time)
    startup_s: float = 0.0
    epochs: list[Epoch] = field(default_factory=list)

    def step(self, done: int, total: int, note: dict[str, str]) -> None:  # noqa: ARG002 - as Listener's
        """The first step ends the start-up."""
        self.startup_s = self.startup_s or time.time() - self.began

    def epoch(self, number: int, figures: Epoch) -> None:  # noqa: ARG002 - as Listener's
        """Keep the figures and when they came."""
        self.epochs.append(figures | {"ended": time.time()})

    @property
    def images_per_s(self) -> float:
        """Images a second from the end of the first epoch to the end of the last."""
        return self.images * (len(self.epochs) - 1) / (self.epochs[-1]["ended"] - self.epochs[0]["ended"])

    @property
    def to_enough_s(self) -> float | None:
        """Seconds from the first step to the end of the first epoch with ENOUGH validation accuracy, or None."""
        for epoch in self.epochs:
            if epoch["validation_accuracy"] >= ENOUGH:
                first_s = self.images / self.epochs[0]["images_per_s"]
                return first_s + epoch["ended"] - self.epochs[0]["ended"]
        return None

    @property
    def accuracy(self) -> float:
        """Validation accuracy of the last epoch."""
        return self.epochs[-1]["validation_accuracy"]


def plain(config: TrainImages, loaded: Loaded, scratch: Path) -> Run:
    """In a process of its own, without Ray."""
    (scratch / "setup.json").write_text(json.dumps(loaded.recipe(config)))
    printed = peer("plain_training", scratch / "setup.json", scratch / IMAGES_FILE)
    return Run(loaded.train_count, startup_s=printed["startup_s"], epochs=printed["epochs"])


def peer(module: str, *arguments: object) -> Any:
    """The JSON that a module of ``benchmarks.peers`` prints in its last line. Raises SystemExit when it fails."""
    ended = subprocess.run(
        [sys.executable, "-m", f"benchmarks.peers.{module}", *map(str, arguments)],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise SystemExit(f"{module} ended with {ended.returncode}:\n{ended.stderr}")
    return json.loads(ended.stdout.splitlines()[-1])


def through_ray(config: TrainImages, loaded: Loaded, settings: Settings) -> Run:
    """By ``training.cifar10.fit``; Ray is there for its time only. Start-up is that of ``fit()``."""
    import ray

    from training.image.train import fit

    ray_session.connect(settings)
    try:
        run = Run(loaded.train_count)
        fit(config, settings, loaded, listener=run)
    finally:
        ray.shutdown()
    return run


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Training through Ray beside plain PyTorch.")
    parser.add_argument("--preset", choices=list(TrainImages.PRESETS), default="quick")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    runs: dict[str, list[Run]] = {PLAIN: [], ONE: [], TWO: []}
    with tempfile.TemporaryDirectory(prefix="air-bench-") as folder:
        scratch = Path(folder)
        settings, loaded = prepare(scratch)
        for seed in range(options.rounds):
            say(f"round {seed + 1} of {options.rounds}")
            asked = TrainImages(preset=options.preset, seed=seed, num_workers=1)
            config = asked.placed(IMAGES, gpu=torch.cuda.is_available())
            runs[PLAIN].append(plain(config, loaded, scratch))
            runs[ONE].append(through_ray(config, loaded, settings))
            runs[TWO].append(through_ray(config.model_copy(update={"num_workers": 2}), loaded, settings))
    _print(options.preset, loaded, runs)


def prepare(scratch: Path) -> tuple[Settings, Loaded]:
    """Settings with an AIR_HOME in ``scratch``, and the images, also saved there for peers. Raises DataError."""
    import ray

    settings = get_settings().model_copy(update={"air_home": scratch / "home"})
    ray_session.connect(settings)
    loaded = cifar10_data.load(IMAGES, settings, TrainImages())
    ray.shutdown()
    images, labels = loaded.train
    held_out, known = loaded.validation
    arrays = {"images": images, "labels": labels, "validation_images": held_out, "validation_labels": known}
    np.savez(scratch / IMAGES_FILE, sample=loaded.sample, **arrays)
    return settings, loaded


def header(loaded: Loaded, seeds: int, more: str) -> str:
    """Date, machine and versions of a measurement."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("ray", "torch"))
    return (
        f"{date.today()}, {available_cpus()} cores of {report.processor()}; Python {platform.python_version()}, "
        f"{packages}. {more}{loaded.train_count:,} images an epoch, {seeds} seeds; median (smallest–largest).\n"
    )


def _print(preset: str, loaded: Loaded, runs: dict[str, list[Run]]) -> None:
    print(header(loaded, len(runs[PLAIN]), f"Preset {preset}. "))
    print("| | images/s | start-up, s | seconds to 80 % | validation accuracy |\n| --- | --- | --- | --- | --- |")
    for title, made in runs.items():
        row = [
            report.spread([run.images_per_s for run in made], 0),
            report.spread([run.startup_s for run in made], 1),
            report.spread([run.to_enough_s for run in made], 0),
            report.spread([run.accuracy for run in made], 4),
        ]
        print(f"| {title} | {' | '.join(row)} |")
    print("\n| ratio | measured | aim | met |\n| --- | --- | --- | --- |")
    for title, ours, figure, aim, met in AIMS:
        pairs = zip(runs[ours], runs[PLAIN], strict=True)
        figures = [(getattr(one, figure), getattr(other, figure)) for one, other in pairs]
        if any(None in pair for pair in figures):
            print(f"| {title} | – | {aim} | 80 % was not reached |")
            continue
        ratios = [one / other for one, other in figures]
        answer = "yes" if met(round(statistics.median(ratios), 2)) else "no"
        print(f"| {title} | {report.spread(ratios, 2)} | {aim} | {answer} |")


if __name__ == "__main__":
    main()
