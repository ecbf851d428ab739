"""Train a Keras network through Ray, keep it as a checkpoint, and load it again.

The chapter: a ``TensorflowTrainer`` whose loop reported ``TensorflowCheckpoint.from_model(model)``, and
``checkpoint.get_model()``. Today: ``keras.Model.save`` writes one file, and the folder with it is a plain Checkpoint.
``num_workers=0`` runs the loop in this process, which saves three imports of TensorFlow; Keras 3.15's ``fit`` fails
under the strategy by which several workers would share one network.
Look at: the loaded network gives the answers of the trained one. It scales its inputs itself.
"""

from __future__ import annotations

import os
from pathlib import Path

from examples import CSV, need, start_ray

TARGET, FILE = "target", "model.keras"


def train_loop(config: dict) -> None:
    """What a worker runs."""
    import keras
    import ray.train

    keras.utils.set_random_seed(0)
    scale = keras.layers.Normalization()
    scale.adapt(config["rows"])
    network = keras.Sequential([scale, keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")])
    network.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    losses = network.fit(config["rows"], config["target"], epochs=30, verbose=0).history["loss"][::29]
    figures = {"losses": losses, "answers": network.predict(config["held_out"], verbose=0)[:, 0]}
    config["folder"].mkdir(parents=True, exist_ok=True)
    network.save(config["folder"] / FILE)
    ray.train.report(figures, checkpoint=ray.train.Checkpoint.from_directory(config["folder"]))


def main() -> None:
    """Train, load the checkpoint, and compare the answers to rows that the training did not see."""
    need("tensorflow", "TensorFlow")
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    import keras
    import pandas as pd
    from ray.train import ScalingConfig
    from ray.train.tensorflow import TensorflowTrainer

    start_ray()
    test = (frame := pd.read_csv(CSV).astype("float32")).sample(frac=0.3, random_state=42)
    train, held_out = frame.drop(test.index), test.drop(columns=TARGET).to_numpy()
    config = {"rows": train.drop(columns=TARGET).to_numpy(), "target": train[TARGET].to_numpy(), "held_out": held_out}
    config["folder"] = Path.cwd() / "runs" / "keras"
    result = TensorflowTrainer(train_loop, train_loop_config=config, scaling_config=ScalingConfig(num_workers=0)).fit()
    print("loss from {:.2f} to {:.2f}".format(*result.metrics["losses"]))
    answers = keras.saving.load_model(f"{result.checkpoint.path}/{FILE}").predict(held_out, verbose=0)[:, 0]
    print(f"{FILE} has {((answers > 0.5) == test[TARGET]).mean():.1%} of {len(test)} held-out rows right")
    print(f"largest change of an answer: {abs(answers - result.metrics['answers']).max():.0e}")


if __name__ == "__main__":
    main()
