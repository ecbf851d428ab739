"""A network of two hidden layers, by Keras on TensorFlow.

TensorFlow is needed here alone (requirements-extra.txt): what is kept are plain arrays, which answer without it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

# Loaded after TensorFlow, as torch's optimisers do where it is there, triton ends the process with a SIGSEGV.
with suppress(ImportError):
    import triton  # noqa: F401

import keras

from models.table.learners.layers import Layer, Layers
from training.table.learners import History, Problem
from training.table.learners.networks import Epochs, Rows, about, sizes_of

__all__ = ["PACKAGES", "about", "fit"]
PACKAGES = ("tensorflow", "keras")


def fit(problem: Problem) -> tuple[Layers, History]:
    """Train for ``epochs``, or fewer with ``early_stopping``. Raises DivergedError."""
    config, rows = problem.config, Rows.of(problem)
    keras.utils.set_random_seed(config.seed)
    steps = config.epochs * -(-len(rows.train[0]) // rows.batch)
    network = build(sizes_of(problem, rows.train[0].shape[1]))
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    network.compile(keras.optimizers.AdamW(rate, weight_decay=config.weight_decay), _loss(problem))
    epochs = Epochs(problem, rows)
    network.fit(*rows.train, batch_size=rows.batch, epochs=config.epochs, callbacks=[_Noted(epochs)], verbose=0)
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


class _Noted(keras.callbacks.Callback):
    """Passes each epoch on."""

    def __init__(self, epochs: Epochs) -> None:
        super().__init__()
        self._epochs = epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras's signature
        self.model.stop_training = not self._epochs.note(float((logs or {})["loss"]), layers_of(self.model))


def _loss(problem: Problem) -> keras.losses.Loss:
    if problem.data.kind == "multiclass":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if problem.data.kind == "binary":
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.MeanSquaredError()
