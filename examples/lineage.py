"""Blocks of a Dataset that are lost with their node are made again from their lineage.

The chapter: Ray keeps how each object was made, and runs those tasks again when a node takes objects along. Today: the
same. What ``ray.put`` stored has no lineage, nor has anything whose driver has ended.
Look at: each block is made once; when its node is gone and it is read, once more.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import ray
from ray.cluster_utils import Cluster

from training.runs.ray_session import quiet_ray_data

BLOCKS, WIDTH = 4, 200_000


def main(folder: Path) -> None:
    """Two nodes: the head, where this program is and no task runs, and one that makes the blocks and goes."""
    # Ray writes down the address of a cluster for others to join: not where they look, and so for this program alone.
    os.environ["RAY_TMPDIR"] = str(folder)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    first = cluster.add_node(num_cpus=1)
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    quiet_ray_data()
    made = folder / "made"

    def make(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        with made.open("a") as file:
            file.writelines(f"{number}\n" for number in batch["id"])
        return {"row": np.repeat(batch["id"][:, None], WIDTH, axis=1)}

    data = ray.data.range(BLOCKS, override_num_blocks=BLOCKS).map_batches(make).materialize()
    print(f"{data.num_blocks()} blocks, made: {sorted(made.read_text().split())}", flush=True)
    cluster.remove_node(first)
    cluster.add_node(num_cpus=1)
    print("their node is gone, another one is there", flush=True)
    sums = [int(row["row"].sum()) for row in data.iter_rows()]
    print(f"read: {'right' if sums == [n * WIDTH for n in range(BLOCKS)] else 'wrong'}", end=", ")
    print(f"made: {sorted(made.read_text().split())}")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as name:
        main(Path(name))
