"""Several workers of Ray Train that learn together, each from its share of the rows.

``fit_on_workers`` starts them; ``train_loop`` is the code of each, in a module so that Ray pickles its name.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from models.table import learners as weights
from models.table.learners import Learner
from settings import Settings
from training.runs import fitting, progress
from training.runs.progress import Listener
from training.runs.ray_session import give_way
from training.table import learners
from training.table.learners import History, Problem

LABEL = "_target"
RESTARTS = 1


def fit_on_workers(
    problem: Problem, model: str, settings: Settings, listener: Listener, run_name: str
) -> tuple[Learner, History]:
    """Fit with ``num_workers`` workers. Raises TrainingError."""
    import ray
    from ray.data import ExecutionOptions
    from ray.train import DataConfig

    config = problem.config
    module = learners.module(config.learner)
    package, trainer = module.TRAINER.split(":")
    history: History = {}
    with progress.shown(config.learner, history.__setitem__, listener, quiet=True) as board:
        training = getattr(import_module(package), trainer)(
            train_loop,
            train_loop_config={"problem": replace(module.shared(problem), rows={}), "board": board},
            datasets={split: ray.data.from_pandas(_frame(*part)) for split, part in problem.rows.items()},
            dataset_config=DataConfig(
                datasets_to_split=["train"], execution_options=ExecutionOptions(preserve_order=True)
            ),
            scaling_config=fitting.scaling_config(settings, config.num_workers),
            run_config=fitting.run_config(settings, model, run_name),
        )
        result = fitting.fit(training.fit, RESTARTS)
    with result.checkpoint.as_directory() as folder:
        return weights.load(Path(folder), {"learner": config.learner}), history


def train_loop(config: dict[str, Any]) -> None:
    """Fit on this worker's share of the rows; rank 0 stores the weights in the reported checkpoint.

    The figures are reported at the end: each report to Ray Train waits for the controller's poll, 20 s for 100 rounds.
    """
    import ray
    import ray.train

    give_way()
    rows = {split: _shard(split) for split in ("train", "validation")}
    learner, history = learners.fit(replace(config["problem"], rows=rows))
    if ray.train.get_context().get_world_rank() != 0:
        ray.train.report({})
        return
    for step, figures in history.items():
        config["board"].epoch.remote(step, figures)
    ray.get(config["board"].step.remote(1, 1, {}))
    with tempfile.TemporaryDirectory() as folder:
        learner.save(Path(folder))
        ray.train.report({}, checkpoint=ray.train.Checkpoint(folder))


def _shard(split: str) -> tuple[Any, Any]:
    import ray.train

    frame = ray.train.get_dataset_shard(split).materialize().to_pandas()
    return frame.drop(columns=LABEL).to_numpy(), frame[LABEL].to_numpy()


def _frame(encoded: Any, target: Any) -> pd.DataFrame:
    """Encoded rows (n, columns) with their target, for Ray Data."""
    return pd.DataFrame(encoded, columns=list(map(str, range(encoded.shape[1])))).assign(**{LABEL: target})
