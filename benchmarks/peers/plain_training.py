"""The training of the image model in plain PyTorch: one process, no Ray. ``benchmarks.training`` runs it.

    python -m benchmarks.peers.plain_training SETUP.json IMAGES.npz

Prints as JSON the seconds from the start of the process to the first step, and for each epoch its figures
and end. Like a worker of Ray Train, it validates and saves its state after each epoch.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch

from settings import available_cpus
from training.image.learner import Learner
from training.image.loaders import MemoryLoader
from training.runs.ray_session import give_way


def main() -> None:
    """Train once."""
    began = psutil.Process().create_time()
    give_way()
    torch.set_num_threads(available_cpus())
    setup = json.loads(Path(sys.argv[1]).read_text())
    with np.load(sys.argv[2]) as kept:
        arrays = {name: kept[name] for name in kept.files}
    device, job = torch.device("cuda" if torch.cuda.is_available() else "cpu"), setup["job"]
    loader = MemoryLoader(arrays["images"], arrays["labels"], job["batch_size"], job["seed"], 0, 1, device)
    validation = arrays["validation_images"], arrays["validation_labels"]
    learner = Learner(setup, loader, arrays["sample"], validation, device)
    startup_s, epochs = time.time() - began, []
    with tempfile.TemporaryDirectory() as folder:
        for epoch in range(learner.epochs):
            figures = learner.epoch(epoch) | learner.validate()
            torch.save(learner.state(), Path(folder, "training.pt"))
            epochs.append(figures | {"ended": time.time()})
    print(json.dumps({"startup_s": startup_s, "epochs": epochs}))


if __name__ == "__main__":
    main()
