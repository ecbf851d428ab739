"""Tasks and actors together: many tasks compute, one actor keeps what they learn.

The chapter: a training that reads its data through Ray Data is both: tasks prepare blocks while the actors of the
training use them; so is a batch prediction. Today: the same. Here tasks compute the gradient of their part of the
rows, and an actor holds the weights (a parameter server, the pattern on which the chapter's trainers grew).
Look at: the loss falls, though the tasks remember nothing between two rounds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from examples import CSV, start_ray

PARTS, ROUNDS = 4, 30


class Weights:
    """The weights of a logistic regression."""

    def __init__(self, size: int) -> None:
        self.values = np.zeros(size)

    def move(self, *gradients: np.ndarray) -> np.ndarray:
        """Move against the mean gradient; the weights after that."""
        self.values = self.values - np.mean(gradients, axis=0)
        return self.values


def gradient(rows: np.ndarray, target: np.ndarray, weights: np.ndarray, part: int) -> np.ndarray:
    """The gradient of the log loss over one part of the rows."""
    mine, wanted = rows[part::PARTS], target[part::PARTS]
    return mine.T @ (1 / (1 + np.exp(-mine @ weights)) - wanted) / len(mine)


def main() -> None:
    """Train, and print the log loss on the way."""
    import ray

    start_ray()
    table = pd.read_csv(CSV)
    features = table.drop(columns="target")
    rows, target = ((features - features.mean()) / features.std()).to_numpy(), table["target"].to_numpy()
    task, actor = ray.remote(gradient), ray.remote(Weights).remote(rows.shape[1])
    stored, weights = [ray.put(rows), ray.put(target)], ray.put(np.zeros(rows.shape[1]))
    for step in range(1, ROUNDS + 1):
        # Only references travel: Ray sends the actor's answer to the next tasks, and theirs to the actor.
        weights = actor.move.remote(*[task.remote(*stored, weights, part) for part in range(PARTS)])
        if step % 10 == 0:
            margins = (2 * target - 1) * (rows @ ray.get(weights))
            print(f"round {step}: log loss {np.log1p(np.exp(-margins)).mean():.4f}, right {(margins > 0).mean():.1%}")
    print(f"{ROUNDS * PARTS} gradients by stateless tasks, one actor that remembers")


if __name__ == "__main__":
    main()
