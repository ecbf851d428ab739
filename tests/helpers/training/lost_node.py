"""Lose the node that holds blocks of a Dataset, and still read the Dataset; prints what happened as JSON.

    python -m tests.helpers.training.lost_node

``tests/proof/test_lineage.py`` runs it where no other Ray is reachable.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

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
    """Start three nodes, one without CPUs; kill one that holds blocks, but not this program's."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES})
    for _ in range(2):
        cluster.add_node(num_cpus=2, object_store_memory=STORE_BYTES)
    ray.init(address=cluster.address, log_to_driver=False)
    own = ray.get_runtime_context().get_node_id()
    tally = Tally.options(scheduling_strategy=NodeAffinitySchedulingStrategy(own, soft=False)).remote()

    def expand(batch: dict[str, np.ndarray]) -> dict[str, Any]:
        ray.get(tally.made.remote(int(batch["id"][0]) // ROWS_A_BLOCK))
        return {"id": batch["id"], "payload": np.repeat(batch["id"][:, None], PAYLOAD, axis=1)}

    data = ray.data.range(BLOCKS * ROWS_A_BLOCK, override_num_blocks=BLOCKS)
    data = data.map_batches(expand).materialize()
    before = ray.get(tally.read.remote())
    references = [reference for bundle in data.iter_internal_ref_bundles() for reference in bundle.block_refs]
    held = _blocks_by_node(references)
    others = [node for node in cluster.list_all_nodes() if node is not cluster.head_node and node.node_id != own]
    victim = max(others, key=lambda node: held[node.node_id])
    cluster.remove_node(victim, allow_graceful=False)
    _wait_until_gone(victim.node_id)
    sums = {}
    for block in ray.get(references):
        for number, payload in zip(
            block["id"].to_pylist(), block["payload"].to_numpy(zero_copy_only=False), strict=True
        ):
            sums[number] = int(np.sum(payload))
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
        ),
        flush=True,
    )
    ray.shutdown()
    cluster.shutdown()


def _blocks_by_node(references: list[ray.ObjectRef]) -> Counter[str]:
    places = ray.experimental.get_object_locations(references)
    # A block of which another node has a copy is not lost with this one.
    return Counter(place["node_ids"][0] for place in places.values() if len(place["node_ids"]) == 1)


def _wait_until_gone(node_id: str) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while any(node["Alive"] and node["NodeID"] == node_id for node in ray.nodes()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Ray still takes node {node_id} for alive")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
