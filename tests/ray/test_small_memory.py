"""A small object store: Ray spills to disk and answers stay right; the resources that workers request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from models.registry import PRETRAINED
from models.table.model import TableModel
from serve_deployments.cluster_view import ray_state
from settings import Settings
from tests.helpers import models
from tests.ray.conftest import LOGICAL_CPUS, STORE_MB
from training.batch_predict.results import PARQUET
from training.batch_predict.run import predict
from training.datasets import tables as breast_cancer
from training.runs import fitting
from training.runs.config import BatchPredict
from training.runs.errors import ConfigError

PIECES, PIECE_MB = 14, 11
ROWS = 20_000


def test_batch_prediction_that_does_not_fit_spills_and_answers_right(
    training_settings: Settings, tmp_path: Path
) -> None:
    settings = training_settings.model_copy(update={"air_block_mb": 1})
    table = breast_cancer.read(models.ROWS)
    rows = table.rows("validation")
    rows = rows[np.random.default_rng(0).integers(0, len(rows), ROWS)]
    pq.write_table(pa.table(dict(zip(table.names, rows.T, strict=True))), tmp_path / "rows.parquet")
    before = ray_state.look().nodes[0].store
    # Held by this process, so Ray may not drop it, and more than the store holds: room for the prediction comes only
    # of the disk.
    held = [ray.put(np.full(PIECE_MB * 1024**2, number, dtype=np.uint8)) for number in range(PIECES)]

    result = predict(models.ROWS, BatchPredict(data=str(tmp_path / "rows.parquet")), settings, tmp_path / "answers")

    after = ray_state.look().nodes[0].store
    assert after.total == STORE_MB * 1024**2
    assert after.spilled - before.spilled >= (PIECES * PIECE_MB - STORE_MB) * 1024**2
    assert (result["rows"], result["errors"]) == (ROWS, 0)
    answers = pq.read_table(tmp_path / "answers" / PARQUET)["probability_malignant"].to_numpy()
    wanted = TableModel.load(PRETRAINED / "breast-cancer").predict(rows)
    np.testing.assert_allclose(answers, wanted, rtol=1e-6)
    for number, piece in enumerate(held):  # one after the other: all at once do not fit
        assert (ray.get(piece) == number).all()
    assert ray_state.look().nodes[0].store.restored > before.restored


@pytest.mark.parametrize(
    ("num_workers", "share", "cpu"), [(1, 0.25, 1.0), (2, 0.25, 1.0), (16, 0.25, 0.37), (16, 0.5, 0.25), (2, 0.9, 0.4)]
)
def test_training_workers_leave_cpus_to_data_tasks(
    ray_settings: Settings, num_workers: int, share: float, cpu: float
) -> None:
    wanted = fitting.scaling_config(ray_settings.model_copy(update={"air_data_cpu_share": share}), num_workers)
    assert wanted.num_workers == num_workers
    assert wanted.resources_per_worker == {"CPU": pytest.approx(cpu)}
    assert num_workers * wanted.resources_per_worker["CPU"] <= LOGICAL_CPUS * (1 - share) + 1e-9


def test_training_workers_ask_for_the_memory_that_is_set(ray_settings: Settings) -> None:
    wanted = fitting.scaling_config(ray_settings.model_copy(update={"air_train_memory_mb": 100}), 2)
    assert wanted.resources_per_worker["memory"] == 100 * 1024**2
    with pytest.raises(ConfigError, match=r"2 workers of 900000000 MB \(AIR_TRAIN_MEMORY_MB\) are more than"):
        fitting.scaling_config(ray_settings.model_copy(update={"air_train_memory_mb": 900_000_000}), 2)
    with pytest.raises(ConfigError, match="each of 2 workers needs its own GPU, and Ray has 0; use fewer workers"):
        fitting.scaling_config(ray_settings, 2, gpu=True)


def test_cluster_that_starts_nodes_by_load_is_asked_for_whole_cpus(ray_settings: Settings) -> None:
    wanted = fitting.scaling_config(ray_settings.model_copy(update={"air_nodes_by_load": True}), 16)
    assert wanted.resources_per_worker == {"CPU": 1.0}
