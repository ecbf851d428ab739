"""Search for the best depth of the trees.

The chapter: ``Tuner(trainer, param_space={"params": {"max_depth": tune.randint(1, 9)}})``. Today: a Tuner takes no
trainer but a function that trains and reports; the names in ``param_space`` are the function's ``config``. To train
each trial with several workers, the function itself calls a trainer's ``fit``.
Look at: deeper trees always fit the training rows better; only the validation rows can say which depth is best.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from examples import CSV, start_ray

TARGET = "target"
ROUNDS = 20


def train(config: dict, rows: pd.DataFrame) -> None:
    """One trial: boost trees of ``config["max_depth"]``, report the log loss of both parts of the rows."""
    import xgboost as xgb
    from ray import tune

    validation = rows.sample(frac=0.3, random_state=42)
    parts = {"train": rows.drop(validation.index), "validation": validation}
    data = {name: xgb.DMatrix(part.drop(columns=TARGET), part[TARGET]) for name, part in parts.items()}
    params = {"objective": "binary:logistic", "max_depth": config["max_depth"], "nthread": 1}
    history: dict = {}
    evals = [(matrix, name) for name, matrix in data.items()]
    xgb.train(params, data["train"], ROUNDS, evals=evals, evals_result=history, verbose_eval=False)
    tune.report({name: history[name]["logloss"][-1] for name in history})


def main() -> None:
    """Try four depths, two at a time, and print them from the best to the worst."""
    from ray import tune

    start_ray()
    tuner = tune.Tuner(
        tune.with_parameters(train, rows=pd.read_csv(CSV)),
        param_space={"max_depth": tune.grid_search([1, 2, 4, 8])},
        tune_config=tune.TuneConfig(metric="validation", mode="min", max_concurrent_trials=2, reuse_actors=True),
        run_config=tune.RunConfig(storage_path=str(Path.cwd() / "runs"), verbose=0),
    )
    results = tuner.fit()
    for trial in sorted(results, key=lambda trial: trial.metrics["validation"]):
        figures = ", ".join(f"{name} log loss {trial.metrics[name]:.4f}" for name in ("validation", "train"))
        print(f"max_depth {trial.config['max_depth']}: {figures}")
    print(f"best: max_depth {results.get_best_result().config['max_depth']}")


if __name__ == "__main__":
    main()
