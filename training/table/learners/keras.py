"""A network of two hidden layers, by Keras on TensorFlow; several workers learn together with TensorflowTrainer.

TensorFlow is needed here alone (requirements-extra.txt): what is kept are plain arrays, which answer without it.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import packages_distributions

# Loaded after TensorFlow, as torch's optimisers do where it is there, triton ends the process with a SIGSEGV. A worker
# of Ray Train has TensorFlow already, and never needs triton.
if "tensorflow" not in sys.modules:
    with suppress(ImportError):
        import triton  # noqa: F401

import keras
import numpy as np
import tensorflow as tf

from models.table.learners.layers import Layer, Layers
from training.table.learners import History, Problem
from training.table.learners.networks import Epochs, Rows, about, shared, sizes_of

__all__ = ["PACKAGES", "TRAINER", "about", "fit", "shared"]
# The package is tensorflow, tensorflow-cpu or another that has the module.
PACKAGES = (packages_distributions()["tensorflow"][0], "keras")
TRAINER = "ray.train.tensorflow:TensorflowTrainer"
LOSSES = {
    "binary": keras.losses.BinaryCrossentropy(from_logits=True),
    "multiclass": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "regression": keras.losses.MeanSquaredError(),
}


def fit(problem: Problem) -> tuple[Layers, History]:
    """Train for ``epochs``, or fewer with ``early_stopping``. Raises DivergedError."""
    config, rows = problem.config, Rows.of(problem)
    # TensorflowTrainer tells each worker of the others in TF_CONFIG; several must be known before TensorFlow computes.
    several = "TF_CONFIG" in os.environ
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if several else tf.distribute.get_strategy()
    keras.utils.set_random_seed(config.seed)
    (train, target), epochs = rows.train, Epochs(problem, rows)
    with strategy.scope():
        network = build(sizes_of(problem, train.shape[1]))
        step = _step(problem, network, config.epochs * math.ceil(len(train) / rows.batch))
    cuts = range(rows.batch, len(train), rows.batch)
    for _ in range(config.epochs):
        batches = np.split(np.random.permutation(len(train)), cuts)
        losses = [float(step(train[batch], target[batch, None])) for batch in batches]
        if not epochs.note(sum(losses) / len(losses), layers_of(network)):
            break
    return epochs.learner, epochs.history


def build(sizes: list[int]) -> keras.Sequential:
    """Dense layers with SiLU between them; the last one answers margins."""
    inputs, *hidden, outputs = sizes
    layers = [keras.layers.Dense(units, activation="silu") for units in hidden]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(outputs)])


def layers_of(network: keras.Model) -> list[Layer]:
    """The network as arrays."""
    arrays = network.get_weights()
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def _step(problem: Problem, network: keras.Model, steps: int) -> Callable[[np.ndarray, np.ndarray], tf.Tensor]:
    """A function that learns from a batch and returns its loss; workers of Ray Train average their gradients.

    Not Keras's ``fit``, which fails with several workers in 3.15.
    """
    strategy, loss_of, weights = tf.distribute.get_strategy(), LOSSES[problem.data.kind], network.trainable_variables
    rate = keras.optimizers.schedules.CosineDecay(problem.config.learning_rate, steps)
    optimiser = keras.optimizers.AdamW(rate, weight_decay=problem.config.weight_decay)
    optimiser.build(weights)

    def learn(rows: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(target, network(rows, training=True))
            share = loss / strategy.num_replicas_in_sync  # the optimiser adds the workers' gradients up
        optimiser.apply_gradients(zip(tape.gradient(share, weights), weights, strict=True))
        return loss

    return tf.function(lambda rows, target: strategy.run(learn, args=(rows, target)), reduce_retracing=True)
