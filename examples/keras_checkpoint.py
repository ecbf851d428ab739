"""Train a Keras network through Ray, keep it as a checkpoint, and load it again.

The chapter: a ``TensorflowTrainer`` whose loop reported ``TensorflowCheckpoint.from_model(model)``, and
``checkpoint.get_model()``. Today: ``keras.Model.save`` writes one file, and the folder with it is a plain Checkpoint.
Look at: the loaded network gives the answers of the trained one. It scales its inputs itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from examples import CSV, need, start_ray

TARGET, FILE = "target", "model.keras"


def train_loop(config: dict) -> None:
    """What the worker runs; with more than one, Keras 3.15's ``fit`` fails under this strategy."""
    import keras
    import ray.train
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    frame = ray.train.get_dataset_shard("train").materialize().to_pandas().astype("float32")
    rows, target = frame.drop(columns=TARGET).to_numpy(), frame[TARGET].to_numpy()
    with tf.distribute.MultiWorkerMirroredStrategy().scope():  # knows the workers from the trainer's TF_CONFIG
        scale = keras.layers.Normalization()
        scale.adapt(rows)
        network = keras.Sequential([scale, keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")])
        network.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    losses = network.fit(rows, target, epochs=30, verbose=0).history["loss"][::29]
    figures = {"losses": losses, "answers": network.predict(config["held_out"], verbose=0)[:, 0].tolist()}
    with TemporaryDirectory() as folder:
        network.save(f"{folder}/{FILE}")
        ray.train.report(figures, checkpoint=ray.train.Checkpoint.from_directory(folder))


def main() -> None:
    """Train, load the checkpoint in this process, and compare the answers to rows that the training did not see."""
    need("tensorflow", "TensorFlow")
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    import keras
    import ray
    from ray.train.tensorflow import TensorflowTrainer

    start_ray()
    train, test = ray.data.read_csv(str(CSV)).train_test_split(test_size=0.3, stratify=TARGET, seed=42)
    frame, run = test.to_pandas().astype("float32"), ray.train.RunConfig(storage_path=str(Path.cwd() / "runs"))
    config, data = {"held_out": frame.drop(columns=TARGET).to_numpy()}, {"train": train.materialize()}
    result = TensorflowTrainer(train_loop, train_loop_config=config, datasets=data, run_config=run).fit()
    print("loss from {:.2f} to {:.2f}".format(*result.metrics["losses"]))
    answers = keras.saving.load_model(f"{result.checkpoint.path}/{FILE}").predict(config["held_out"], verbose=0)[:, 0]
    print(f"{FILE} has {((answers > 0.5) == frame[TARGET]).mean():.1%} of {len(frame)} held-out rows right")
    print(f"largest change of an answer: {abs(answers - result.metrics['answers']).max():.0e}")


if __name__ == "__main__":
    main()
