"""A training and a search that MLflow tracks, in a file of the current folder.

The chapter: ``MLflowLoggerCallback`` in a Trainer's or Tuner's ``RunConfig``. Today: it is for Ray Tune alone; for Ray
Train one writes a ``UserCallback``, which gets what all workers report, in one process.
Look at: a figure a round. ``mlflow ui --backend-store-uri sqlite:///mlflow.db`` shows them in a browser.
"""

from pathlib import Path

from mlflow.tracking import MlflowClient
from ray import train, tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.train.xgboost import XGBoostTrainer
from sklearn.datasets import load_breast_cancer
from xgboost import XGBClassifier

from examples import start_ray


class Tracking(train.UserCallback):
    """Writes what the first worker reports into a run of MLflow."""

    def __init__(self, uri: str, run: str) -> None:
        self.uri, self.run = uri, run

    def after_report(self, run_context: object, metrics: list[dict], checkpoint: object) -> None:  # noqa: ARG002
        MlflowClient(self.uri).log_metric(self.run, "log_loss", metrics[0]["log_loss"], step=metrics[0]["round"])


def boost(config: dict[str, int]) -> None:
    """Boost five trees and report the log loss after each; this is both a worker's loop and a trial."""
    data = load_breast_cancer(return_X_y=True)
    trees = XGBClassifier(n_estimators=5, max_depth=config["max_depth"]).fit(*data, eval_set=[data], verbose=False)
    for i, loss in enumerate(trees.evals_result()["validation_0"]["logloss"]):
        (train if "worker" in config else tune).report({"round": i + 1, "log_loss": loss})


def main() -> None:
    """Train, search, and print what MLflow has afterwards."""
    start_ray()
    storage, uri = {"storage_path": str(Path.cwd() / "runs")}, f"sqlite:///{Path.cwd()}/mlflow.db"
    client = MlflowClient(uri)
    known = client.get_experiment_by_name("training")
    run = client.create_run(known.experiment_id if known else client.create_experiment("training")).info.run_id
    client.log_param(run, "max_depth", 3)
    run_config = train.RunConfig(**storage, callbacks=[Tracking(uri, run)])
    XGBoostTrainer(boost, train_loop_config={"max_depth": 3, "worker": True}, run_config=run_config).fit()
    client.set_terminated(run)
    run_config = tune.RunConfig(**storage, verbose=0, callbacks=[MLflowLoggerCallback(uri, experiment_name="search")])
    space = {"max_depth": tune.grid_search([1, 2])}
    tune_config = tune.TuneConfig(max_concurrent_trials=1, reuse_actors=True)
    tune.Tuner(boost, param_space=space, tune_config=tune_config, run_config=run_config).fit()
    for experiment in client.search_experiments():
        for found in client.search_runs([experiment.experiment_id], order_by=["params.max_depth"]):
            losses = [round(figure.value, 3) for figure in client.get_metric_history(found.info.run_id, "log_loss")]
            print(f"{experiment.name}, max_depth {found.data.params['max_depth']}: log loss {losses}")


if __name__ == "__main__":
    main()
