"""Whether a study's best trial beats the defaults: both trained with three seeds, compared on validation data.

    python -m benchmarks.tuned STUDY [--seeds 3] [--full]

STUDY is one of ``python -m training.tuning.studies list``. Trains as the study's trials did (the image model on a part
of the images, for the study's epochs); ``--full`` trains the image model on all images for all epochs of its preset.
The test data is not used.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from typing import Any

import torch
import xgboost as xgb

from models import specs
from models.table.preprocessing import Preprocessor
from settings import available_cpus, get_settings
from training import families
from training.datasets import tables as dataset
from training.image import data as cifar10_data
from training.image.worker import make_learner
from training.runs import ray_session
from training.runs.config import JobConfig, TrainImages, TrainTable
from training.runs.errors import ConfigError
from training.table import train as breast_cancer
from training.table.learners import trees
from training.tuning import studies
from training.tuning.config import TuneImages

Figures = dict[str, float]


IMAGES = specs.get("cifar10")
ROWS = specs.get("breast-cancer")


def of_rows() -> Callable[[TrainTable], Figures]:
    """What trains the table model and gives its last figures."""
    table = dataset.read(ROWS)
    columns = breast_cancer.scaled_columns(TrainTable(learner="xgboost").completed(ROWS), table.names)
    preprocessor = Preprocessor(table.features, breast_cancer.fit_preprocessor(ROWS, table, columns))
    matrices = [xgb.DMatrix(*breast_cancer.encoded(table, preprocessor, split)) for split in ("train", "validation")]

    def train(config: TrainTable) -> Figures:
        params = trees.booster_params(config, available_cpus(), ROWS.data)
        _, history = trees.boost(params, config.num_boost_round, *matrices, [])
        return trees.figures_of(history, config.num_boost_round - 1)

    return train


def of_images(study: TuneImages, full: bool) -> Callable[[TrainImages], Figures]:
    """What trains the image model and gives its last figures."""
    part = {"max_images": None if full else study.max_images}
    loaded = cifar10_data.load(IMAGES, get_settings(), study.base(IMAGES).model_copy(update=part))
    shared = loaded.setup(study.base(IMAGES))
    torch.set_num_threads(available_cpus())

    def train(config: TrainImages) -> Figures:
        epochs = config.chosen(IMAGES).epochs if full else study.epochs_for(loaded.train_count)
        learner = make_learner({**shared, "job": config.model_dump(), "epochs": epochs}, torch.device("cpu"))
        figures: Figures = {}
        for epoch in range(epochs):
            figures = learner.epoch(epoch)
        return figures | learner.validate()

    return train


def main() -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuned", description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="the image model as its preset trains it")
    options = parser.parse_args()
    try:
        study = studies.Store(get_settings()).read(options.study)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    ray_session.connect(get_settings())
    asked = families.TUNE[specs.get(study.model).family].model_validate(study.config)
    train = of_rows() if study.model == "breast-cancer" else of_images(asked, options.full)
    tuned = asked.TUNABLE.schema.model_validate(study.best.config)
    rows: dict[str, list[Figures]] = {"defaults": [], f"trial {study.best.trial} of {study.study}": []}
    for seed in range(options.seeds):
        for name, config in zip(rows, (asked.base(specs.get(study.model)), tuned), strict=True):
            rows[name].append(train(_seeded(config, seed)))
            print(f"seed {seed}, {name}: {_line(rows[name][-1])}", flush=True)
    names = [name for name in rows["defaults"][0] if name.startswith("validation")]
    print(f"\n| {study.model}, {options.seeds} seeds | {' | '.join(names)} |\n| --- |{' --- |' * len(names)}")
    for name, figures in rows.items():
        print(f"| {name} | {' | '.join(_spread([one[figure] for one in figures]) for figure in names)} |")
    return 0


def _seeded(config: JobConfig, seed: int) -> Any:
    return config.model_copy(update={"seed": seed})


def _line(figures: Figures) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in figures.items())


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.4f} ({min(values):.4f}–{max(values):.4f})"


if __name__ == "__main__":
    sys.exit(main())
