"""Predict a whole file with a model from a checkpoint.

The chapter: ``BatchPredictor.from_checkpoint(checkpoint, XGBoostPredictor).predict(dataset)``. Today:
``Dataset.map_batches`` with a class. Ray Data makes a few actors of it; each loads the checkpoint once, in
``__init__``, and answers the batches that it gets. The preprocessing is in the checkpoint.
Look at: two actors loaded the model, and answered all batches.
"""

import os
import warnings

import numpy as np

from examples import CSV, start_ray

CHECKPOINT = CSV.parents[2] / "pretrained" / "breast-cancer"
LABELS = ["malignant", "benign"]


class Predictor:
    """Loads the model once, answers many batches."""

    def __init__(self) -> None:
        from models.table.model import TableModel

        self.model = TableModel.load(CHECKPOINT)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The probability that each sample is malignant, its label, and who answered."""
        probabilities = self.model.predict(np.column_stack([batch[name] for name in self.model.features]))
        same = {"actor": os.getpid(), "batch": os.urandom(8).hex()}
        return {
            "target": batch["target"],
            "malignant": probabilities,
            "label": np.array(self.model.decide(probabilities)),
            **{name: np.full(len(probabilities), value) for name, value in same.items()},
        }


def main() -> None:
    """Print how many answered, the first answers, and how many are right."""
    import ray

    start_ray()
    # So few batches would all be answered by the actor that has started first.
    ray.data.DataContext.get_current().wait_for_min_actors_s = 60
    rows = ray.data.read_csv(str(CSV)).repartition(8).materialize()
    # Of actors that may restart, Ray warns that what they were made from could be lost. The option has no newer name.
    warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
    pool = {"compute": ray.data.ActorPoolStrategy(size=2), "max_restarts": 0, "max_task_retries": 0}
    answers = rows.map_batches(Predictor, **pool).to_pandas()
    print(f"{len(answers)} rows in {answers['batch'].nunique()} batches, {answers['actor'].nunique()} actors")
    for row in answers.head(3).itertuples():
        print(f"it is {LABELS[row.target]}; answer: {row.label}, malignant with {row.malignant:.3f}")
    right = (answers["label"] == answers["target"].map(LABELS.__getitem__)).mean()
    print(f"right: {right:.1%}, of rows that are mostly the model's own training rows")


if __name__ == "__main__":
    main()
