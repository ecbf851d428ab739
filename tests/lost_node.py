"""Lose the node that holds blocks of a Dataset, and read the Dataset all the same; prints what happened as JSON.

    python -m tests.lost_node

``tests/test_lineage.py`` runs it where no other Ray is in reach.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

BLOCKS, ROWS_A_BLOCK, PAYLOAD = 8, 4, 100_000
STORE_BYTES = 128 * 1024**2
GONE_WITHIN_S = 60


@ray.remote(num_cpus=0)
class Tally:
    """Counts how often each block was made."""

    def __init__(self) -> None:
        self._made: Counter[int] = Counter()

    def made(self, block: int) -> None:
        """A block was made once more."""
        self._made[block] += 1

    def read(self) -> dict[int, int]:
        """How often each was made."""
        return dict(self._made)


def main() -> None:
    """Three nodes, one without CPUs for this program; one of the two others dies."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES})
    for _ in range(2):
        cluster.add_node(num_cpus=2, object_store_memory=STORE_BYTES)
    ray.init(address=cluster.address, log_to_driver=False)
    tally = Tally.remote()

    def expand(batch: dict[str, np.ndarray]) -> dict[str, Any]:
        ray.get(tally.made.remote(int(batch["id"][0]) // ROWS_A_BLOCK))
        return {"id": batch["id"], "payload": np.repeat(batch["id"][:, None], PAYLOAD, axis=1)}

    data = ray.data.range(BLOCKS * ROWS_A_BLOCK, override_num_blocks=BLOCKS)
    data = data.map_batches(expand, batch_size=None, scheduling_strategy="SPREAD").materialize()
    before = ray.get(tally.read.remote())
    held = _blocks_by_node(data)
    victim = max(
        (node for node in cluster.list_all_nodes() if node is not cluster.head_node), key=lambda n: held[n.node_id]
    )
    cluster.remove_node(victim, allow_graceful=False)
    _wait_until_gone(victim.node_id)
    sums = {int(row["id"]): int(row["payload"].sum()) for row in data.iter_rows()}
    after = ray.get(tally.read.remote())
    print(
        json.dumps(
            {
                "nodes": 3,
                "blocks": len(before),
                "lost": held[victim.node_id],
                "made_again": sum(after.values()) - sum(before.values()),
                "right": sums == {number: number * PAYLOAD for number in range(BLOCKS * ROWS_A_BLOCK)},
            }
        )
    )


def _blocks_by_node(data: ray.data.Dataset) -> Counter[str]:
    references = [ref for bundle in data.iter_internal_ref_bundles() for ref in bundle.block_refs]
    places = ray.experimental.get_object_locations(references)
    return Counter(node for place in places.values() for node in place["node_ids"])


def _wait_until_gone(node_id: str) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while any(node["Alive"] and node["NodeID"] == node_id for node in ray.nodes()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Ray still takes node {node_id} for alive")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
