"""No Ray: read a share of a Parquet file of pictures, decode and forward it in a plain process.

    PEER_CHECKPOINT=models/pretrained/cifar10 python -m benchmarks.peers.raw_batch FILE FIRST END

Loads the model, waits for a line on stdin, then works and prints seconds and labels.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.peers.checkpoint import load_model
from models.pictures.decode import decode

BATCH = 256


def work(model: Any, path: str, first: int, end: int) -> dict[str, Any]:
    """Decode and forward the pictures from ``first`` to ``end``."""
    began = time.perf_counter()
    stored = pc.struct_field(pq.read_table(path, columns=["img"])["img"], "bytes").slice(first, end - first)
    labels: Counter[str] = Counter()
    for start in range(0, len(stored), BATCH):
        pictures = stored.slice(start, BATCH).to_pylist()
        answers = model.predict(np.stack([decode(picture, model.size) for picture in pictures]))
        labels.update(model.labels[i] for i in answers.argmax(1))
    return {"seconds": time.perf_counter() - began, "labels": labels}


if __name__ == "__main__":
    loaded = load_model()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(work(loaded, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))), flush=True)
