"""Training of the image model on a GPU compared with plain PyTorch and with airbench94.

    make bench-gpu           needs CIFAR10_DIR and a GPU; takes a few minutes

Each round has its own seed and trains on the same images: the plain loop and ``training.cifar10`` for each of
``--presets``, then airbench94 (Keller Jordan, arXiv:2404.00498, its package from PyPI) twice in one process; the
second of these is the warm run. Seconds are training only, without start-up, validation and saving; ours
start on a cold GPU. The time to airbench's accuracy is measured on the validation images.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.harness import report
from benchmarks.harness.rounds import say
from benchmarks.training import IMAGES, IMAGES_FILE, Run, header, peer, plain, prepare, through_ray
from training.runs.config import TrainImages

ROUNDS = 3
COLD, WARM = "airbench94, first in its process", "airbench94, second"


@dataclass(frozen=True)
class Trained:
    """Accuracy after each epoch and the seconds trained until then."""

    accuracies: list[float]
    seconds: list[float]
    images_per_s: float | None = None
    startup_s: float | None = None

    def reached(self, accuracy: float) -> float | None:
        """Seconds until the first epoch that ends with ``accuracy`` or more; None if none does."""
        pairs = zip(self.accuracies, self.seconds, strict=True)
        return next((seconds for reached, seconds in pairs if reached >= accuracy), None)


def ours(run: Run) -> Trained:
    """The figures of a run of our own training, through Ray or plain."""
    seconds, now = [], 0.0
    for epoch in run.epochs:
        now += run.images / epoch["images_per_s"]
        seconds.append(now)
    # The first epoch includes the start of the GPU.
    rate = run.images * (len(seconds) - 1) / (seconds[-1] - seconds[0])
    return Trained([epoch["validation_accuracy"] for epoch in run.epochs], seconds, rate, run.startup_s)


def airbench(scratch: Path) -> list[Trained]:
    """A cold and a warm run."""
    return [
        Trained([epoch["validation_accuracy"] for epoch in run], [epoch["seconds"] for epoch in run])
        for run in peer("airbench_training", scratch / IMAGES_FILE, 2)
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Training on a GPU beside airbench94.")
    parser.add_argument("--presets", nargs="+", choices=list(TrainImages.PRESETS), default=["standard"])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no GPU on this machine.")
    made: dict[str, list[Trained]] = {}
    with tempfile.TemporaryDirectory(prefix="air-bench-") as folder:
        scratch = Path(folder)
        settings, loaded = prepare(scratch)
        for seed in range(options.rounds):
            say(f"round {seed + 1} of {options.rounds}")
            for preset in options.presets:
                config = TrainImages(preset=preset, seed=seed).placed(IMAGES, gpu=True)
                _note(made, f"{preset}, plain PyTorch", ours(plain(config, loaded, scratch)))
                _note(made, f"{preset}, `training.cifar10`", ours(through_ray(config, loaded, settings)))
            for title, run in zip((COLD, WARM), airbench(scratch), strict=True):
                _note(made, title, run)
    print(header(loaded, options.rounds, f"One {torch.cuda.get_device_name()}. "))
    _print(made)


def _note(made: dict[str, list[Trained]], title: str, run: Trained) -> None:
    say(f"{title}: {run.accuracies[-1]:.4f} after {run.seconds[-1]:.2f} s")
    made.setdefault(title, []).append(run)


def _print(made: dict[str, list[Trained]]) -> None:
    enough = [run.accuracies[-1] for run in made[WARM]]
    columns = "start-up, s | images/s | seconds | validation accuracy | seconds to airbench's accuracy | ÷ airbench"
    print(f"| | {columns} |\n{'| --- ' * 7}|")
    for title, runs in made.items():
        reached = [run.reached(accuracy) for run, accuracy in zip(runs, enough, strict=True)]
        warm = zip(reached, made[WARM], strict=True)
        ratios = [None if seconds is None else seconds / peer.seconds[-1] for seconds, peer in warm]
        row = [
            report.spread([run.startup_s for run in runs], 1),
            report.spread([run.images_per_s for run in runs], 0),
            report.spread([run.seconds[-1] for run in runs], 2),
            report.spread([run.accuracies[-1] for run in runs], 4),
            report.spread(reached, 2),
            report.spread(ratios, 2),
        ]
        print(f"| {title} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
