"""Block size, and what Ray does with more data than its object store holds: the figures of both.

The chapter: a Dataset is a list of blocks in the object store; ``target_max_block_size`` bounds a block, and blocks
that do not fit go to disk and come back when read. Today: the same, in ``DataContext``.
Look at: half the block size, twice the blocks; and nothing goes to disk before the store of 80 MiB is full.
"""

from __future__ import annotations

import re
import tempfile

import numpy as np

from examples import start_ray

MIB = 1024**2
STORE_MIB = 80


def grow(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A row of 1 MiB for each number."""
    return {"row": np.repeat(batch["id"].astype(np.uint8)[:, None], MIB, axis=1)}


def main() -> None:
    """Make 20 MiB in blocks of two sizes, then 160 MiB; read all of it; ask Ray each time what it moved."""
    import ray
    from ray._private.internal_api import memory_summary  # what "ray memory --stats-only" prints

    def moved(kind: str) -> int:
        found = re.search(rf"{kind} (\d+) MiB", memory_summary(ray.get_runtime_context().gcs_address, stats_only=True))
        return int(found[1]) if found else 0

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        start_ray(own=True, num_cpus=2, object_store_memory=STORE_MIB * MIB, object_spilling_directory=folder)
        for mib, most in ((20, 10), (20, 5), (160, 10)):
            ray.data.DataContext.get_current().target_max_block_size = most * MIB
            data = ray.data.range(mib, override_num_blocks=2).map_batches(grow, batch_size=5).materialize()
            blocks = f"{mib} MiB with at most {most} MiB a block: {data.num_blocks()} blocks"
            print(f"{blocks}, {moved('Spilled')} MiB went to disk", flush=True)
        right = sum(int(row["row"][-1]) for row in data.iter_rows()) == sum(range(mib))
        print(f"read again: {'right' if right else 'wrong'}, {moved('Restored')} MiB came back from disk")
        ray.shutdown()


if __name__ == "__main__":
    main()
