"""Stateful actors: a process that keeps something between calls.

The chapter: the workers of a Trainer and the trials of a Tuner are actors: each holds its model and its optimizer's
state from step to step. Today: the same. An actor runs its calls one after another, in the order in which one
process sent them, so its state needs no lock. If its process dies, the state is lost unless it is kept elsewhere.
Look at: two learners from different starts, each of which goes on where it stopped.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from examples import CSV, start_ray


class Learner:
    """A logistic regression that learns by gradient descent; its weights live in this process."""

    def __init__(self, rows: np.ndarray, target: np.ndarray, seed: int) -> None:
        self.rows, self.target = rows, target
        self.weights = np.random.default_rng(seed).normal(size=rows.shape[1])
        self.steps = 0

    def learn(self, steps: int) -> tuple[int, float]:
        """Take some steps more; how many there were in all, and the log loss now."""
        for _ in range(steps):
            self.weights -= self.rows.T @ (self._probabilities() - self.target) / len(self.rows)
        self.steps += steps
        right = np.where(self.target == 1, self._probabilities(), 1 - self._probabilities())
        return self.steps, float(-np.log(right).mean())

    def process(self) -> int:
        """Where the state is."""
        return os.getpid()

    def _probabilities(self) -> np.ndarray:
        return 1 / (1 + np.exp(-self.rows @ self.weights))


def main() -> None:
    """Start two learners and call each three times."""
    import ray

    start_ray()
    table = pd.read_csv(CSV)
    rows = table.drop(columns="target")
    rows, target = ray.put(((rows - rows.mean()) / rows.std()).to_numpy()), ray.put(table["target"].to_numpy())
    learners = [ray.remote(Learner).remote(rows, target, seed) for seed in (1, 2)]
    print(f"{len(set(ray.get([learner.process.remote() for learner in learners])))} actors in processes of their own")
    for name, learner in zip("AB", learners, strict=True):
        for steps, loss in ray.get([learner.learn.remote(20) for _ in range(3)]):
            print(f"learner {name} after {steps} steps: log loss {loss:.4f}")


if __name__ == "__main__":
    main()
