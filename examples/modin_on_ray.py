"""Work with Modin, which is pandas on Ray, and train on its data frame.

The chapter: ``import modin.pandas as pd`` runs pandas' own calls as Ray tasks, and ``ray.data.from_modin`` takes the
parts as blocks. Today: the same.
Look at: the parts become blocks without a copy, and the training has the AUC that pandas alone gives.
"""

from __future__ import annotations

import os

from examples import CSV, need, start_ray
from examples.same_model import ADDED, compare


def main() -> None:
    """Read and complete the rows in Modin, then train on them in Ray."""
    need("modin", "Modin")
    os.environ["MODIN_ENGINE"] = "ray"
    import ray

    start_ray()
    import modin.pandas as pd
    from modin.config import NPartitions

    NPartitions.put(2)
    frame = pd.read_csv(CSV)
    frame[ADDED] = frame["worst area"] / frame["mean area"]
    print(f"Modin: {type(frame).__module__}, mean of {ADDED}: {frame[ADDED].mean():.4f}")
    compare(ray.data.from_modin(frame))


if __name__ == "__main__":
    main()
