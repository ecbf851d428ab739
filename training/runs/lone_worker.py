"""One training worker without Ray Train's controller and helpers: its local mode, in a Ray actor.

On two cores these take a tenth of the machine from a training, and eight seconds to start (docs/performance.md).
A single worker does not need them: ``LocalRayTrainWorker`` runs the same loop as several workers would, ``Kept``
saves its state where every node finds it, and ``training.runs.fitting`` starts another worker when it dies.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from pyarrow.fs import LocalFileSystem
from ray.exceptions import GetTimeoutError

from training.runs.errors import TrainingError

Loop = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Kept:
    """The last state of a run, in one file that is complete or absent; local mode itself keeps none.

    ``filesystem`` is Arrow's, ``folder`` the run's folder in it.
    """

    filesystem: Any
    folder: str

    @classmethod
    def of(cls, run_config: Any) -> Kept:
        """The state of a run of Ray Train, where its checkpoints would be."""
        return cls(run_config.storage_filesystem, f"{run_config.storage_path}/{run_config.name}")

    @property
    def _file(self) -> str:
        return f"{self.folder}/training.pt"

    def write(self, state: Any) -> None:
        """Replace the last state by ``state``, bytes. Raises OSError, and then keeps the last state."""
        half = f"{self._file}.partial"
        if isinstance(self.filesystem, LocalFileSystem):  # buckets have no folders
            self.filesystem.create_dir(self.folder)
        try:
            with self.filesystem.open_output_stream(half) as stream:
                stream.write(state)
            self.filesystem.move(half, self._file)
        except BaseException:
            if self.filesystem.get_file_info(half).is_file:
                self.filesystem.delete_file(half)
            raise

    def read(self) -> bytes | None:
        """The last state, None before the first."""
        if not self.filesystem.get_file_info(self._file).is_file:
            return None
        with self.filesystem.open_input_stream(self._file) as stream:
            return stream.read()


@ray.remote
class LocalRayTrainWorker:
    """Runs a TorchTrainer's loop in its own process."""

    def fit(self, loop: Loop, config: dict[str, Any], datasets: dict[str, Any] | None) -> bytes:
        """Run the loop; returns the last state that it ``kept``. Raises what the loop raises."""
        from ray.train import ScalingConfig
        from ray.train.torch import TorchTrainer

        local = ScalingConfig(num_workers=0)
        TorchTrainer(loop, train_loop_config=config, datasets=datasets, scaling_config=local).fit()
        return config["kept"].read()


def fit(loop: Loop, config: dict[str, Any], datasets: dict[str, Any] | None, wanted: dict[str, Any]) -> bytes:
    """Run a loop in a worker, created with the options ``wanted``; returns the last state that it ``kept``.

    Raises what the loop raised, in Ray's RayTaskError; another RayError when the worker died; TrainingError when
    none could start.
    """
    worker = LocalRayTrainWorker.options(**wanted).remote()
    patience_s = float(os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"])
    try:
        ray.get(worker.__ray_ready__.remote(), timeout=patience_s)
        return ray.get(worker.fit.remote(loop, config, datasets))
    except GetTimeoutError:
        resources = f"{wanted['num_cpus']:g} CPU" + (" and a GPU" if wanted["num_gpus"] else "")
        raise TrainingError(
            f"No worker could start within {patience_s:g} s: Ray has no node with {resources} free. Wait until other "
            "work ends, or add a node."
        ) from None
    finally:
        ray.kill(worker)
