"""Train boosted trees with two workers, each on its half of the rows.

The chapter: ``XGBoostTrainer(label_column=…, params=…, preprocessor=…, num_boost_round=…)``. Today: the trainer takes
a function, ``train_loop_per_worker``, that does what one writes without Ray; the preprocessor is applied to the
Datasets before, and ``RayTrainReportCallback`` reports the figures of each round and the model as a checkpoint.
Look at: the rows of a worker. XGBoost adds up the workers' histograms, so one model comes out.
"""

from __future__ import annotations

from pathlib import Path

from examples import CSV, start_ray

TARGET = "target"
PARAMS = {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "max_depth": 3, "nthread": 1}


def train_loop(config: dict) -> int:
    """What each worker runs; the value that the first one returns is kept in the result."""
    import ray.train
    import xgboost as xgb
    from ray.train.xgboost import RayTrainReportCallback

    frames = {name: ray.train.get_dataset_shard(name).materialize().to_pandas() for name in ("train", "validation")}
    train, validation = (xgb.DMatrix(frame.drop(columns=TARGET), frame[TARGET]) for frame in frames.values())
    evals = [(train, "train"), (validation, "validation")]
    xgb.train(PARAMS, train, config["rounds"], evals, verbose_eval=False, callbacks=[RayTrainReportCallback()])
    return len(frames["train"])


def main() -> None:
    """Scale, train, and load the model out of the checkpoint."""
    import ray
    from ray.data.preprocessors import StandardScaler
    from ray.train import DataConfig, RunConfig, ScalingConfig
    from ray.train.xgboost import RayTrainReportCallback, XGBoostTrainer

    start_ray()
    train, validation = ray.data.read_csv(str(CSV)).train_test_split(test_size=0.3, stratify=TARGET, seed=42)
    scaler = StandardScaler([name for name in train.columns() if name != TARGET]).fit(train)
    parts = {"train": scaler.transform(train).materialize(), "validation": scaler.transform(validation).materialize()}
    trainer = XGBoostTrainer(
        train_loop,
        train_loop_config={"rounds": 20},
        scaling_config=ScalingConfig(num_workers=2),
        datasets=parts,
        dataset_config=DataConfig(datasets_to_split=["train"]),
        run_config=RunConfig(storage_path=str(Path.cwd() / "runs")),
    )
    result = trainer.fit()
    print(f"2 workers with {result.return_value} of {parts['train'].count()} rows each")
    for name in ("train-logloss", "validation-logloss", "validation-auc"):
        print(f"{name}: {result.metrics[name]:.4f}")
    booster = RayTrainReportCallback.get_model(result.checkpoint)
    print(f"the checkpoint {Path(result.checkpoint.path).name} holds {booster.num_boosted_rounds()} trees")


if __name__ == "__main__":
    main()
