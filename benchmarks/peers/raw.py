"""No server: decode and forward batches of the same pictures in a plain process.

    PEER_CHECKPOINT=models/pretrained/cifar10 python -m benchmarks.peers.raw FOLDER COUNT

FOLDER holds the pictures as files 0 to COUNT-1. For each line on stdin, a number of seconds, it works that
long and prints the number of pictures, the seconds taken and the labels.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.checkpoint import load_model
from models.pictures.decode import decode

BATCH = 32


def work(model: Any, pictures: list[bytes], seconds: float) -> dict[str, Any]:
    """Decode and forward for ``seconds``, at least every picture once."""
    labels, done, took = [""] * len(pictures), 0, 0.0
    starts = itertools.cycle(range(0, len(pictures), BATCH))
    began = time.perf_counter()
    while took < seconds or done < len(pictures):
        start = next(starts)
        batch = pictures[start : start + BATCH]
        probabilities = model.predict(np.stack([decode(picture, model.size) for picture in batch]))
        labels[start : start + BATCH] = [model.labels[i] for i in probabilities.argmax(1)]
        done += len(batch)
        took = time.perf_counter() - began
    return {"requests": done, "seconds": took, "labels": labels}


if __name__ == "__main__":
    loaded = load_model()
    files = [Path(sys.argv[1], str(i)).read_bytes() for i in range(int(sys.argv[2]))]
    for line in sys.stdin:
        print(json.dumps(work(loaded, files, float(line))), flush=True)
