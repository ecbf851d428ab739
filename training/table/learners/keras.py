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
from training.table.learners.figures import loss_of
from training.table.learners.networks import Best, Rows, about, figures_of, sizes_of

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
    kept = _Kept(problem, rows)
    network.fit(*rows.train, batch_size=rows.batch, epochs=config.epochs, callbacks=[kept], verbose=0)
    return kept.best.learner, kept.history


def build(sizes: list[int]) -> keras.Sequential:
    """Dense layers with SiLU between them; the last one answers margins."""
    inputs, *hidden, outputs = sizes
    layers = [keras.layers.Dense(units, activation="silu") for units in hidden]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(outputs)])


def layers_of(network: keras.Model) -> list[Layer]:
    """The network as arrays."""
    arrays = network.get_weights()
    return list(zip(arrays[::2], arrays[1::2], strict=True))


class _Kept(keras.callbacks.Callback):
    """Notes the figures of each epoch, and keeps the best one's weights."""

    def __init__(self, problem: Problem, rows: Rows) -> None:
        super().__init__()
        self._problem, self._rows = problem, rows
        self.best, self.history = Best(problem.config.early_stopping), History()
        self._loss = f"validation_{loss_of(problem.data.kind)}"

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        learner = self._rows.learner(layers_of(self.model))
        loss = float((logs or {})["loss"])
        self.history[epoch] = figures_of(self._problem, self._rows, learner, loss, epoch)
        self.model.stop_training = not self.best.keeps(self.history[epoch][self._loss], learner)


def _loss(problem: Problem) -> keras.losses.Loss:
    if problem.data.kind == "multiclass":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if problem.data.kind == "binary":
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.MeanSquaredError()
