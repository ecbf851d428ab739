"""A stateful online service: two replicas that ask and teach one model, which an actor holds.

The chapter: the online service is a pool of actors behind HTTP that Ray Serve looks after. Today: the same.
Look at: whichever replica is given rows to learn, the answers of both get better.
"""

import os

import ray
import requests
from ray import serve
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler
from starlette.requests import Request

from examples.serving import start_serve


@ray.remote(num_cpus=0)
class Model:
    """A linear classifier that learns as rows come."""

    def __init__(self) -> None:
        self.scaler = StandardScaler()
        self.classifier = SGDClassifier(learning_rate="constant", eta0=0.003, random_state=0)

    def ask(self, rows: list, labels: list | None = None) -> list[int]:
        """Learn from the rows if they have labels; then the class of each."""
        if labels is not None:
            self.classifier.partial_fit(self.scaler.partial_fit(rows).transform(rows), labels, classes=[0, 1])
        return self.classifier.predict(self.scaler.transform(rows)).tolist()


@serve.deployment(num_replicas=2)
class Service:
    """A replica. Its only state is the way to the model."""

    def __init__(self, model: ray.actor.ActorHandle) -> None:
        self.model = model

    async def __call__(self, request: Request) -> dict:
        return {"labels": await self.model.ask.remote(**await request.json()), "replica": os.getpid()}


def main() -> None:
    """Teach ten rows a request, ask about the others now and then, and count the replicas that took part."""
    url, (rows, labels), replicas = start_serve(), load_breast_cancer(return_X_y=True), set()
    serve.run(Service.bind(Model.remote()))
    for last in range(10, 401, 10):
        known = {"rows": rows[last - 10 : last].tolist(), "labels": labels[last - 10 : last].tolist()}
        replicas.add(requests.post(url, json=known, timeout=30).json()["replica"])
        if last in (10, 20, 30, 400):
            answers = requests.post(url, json={"rows": rows[400:].tolist()}, timeout=30).json()["labels"]
            print(f"after {last} rows: {sum(answers == labels[400:])} of {len(answers)} others right")
    print(f"{len(replicas)} replicas taught 1 model")


if __name__ == "__main__":
    main()
