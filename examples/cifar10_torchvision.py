"""CIFAR-10 from torchvision to a served net; torchvision downloads it, unless CIFAR10_DIR names a folder that has it.

The chapter: ``TorchTrainer``, ``TorchCheckpoint``, ``PredictorDeployment`` with ``json_to_ndarray``. Today: the result
has what the loop returns, and Serve takes any function. Look at: the share of right answers; by chance it is a tenth.
"""

from pathlib import Path

import requests
import torch
from ray import serve, train
from ray.train.torch import TorchTrainer
from starlette.requests import Request

from examples import start_serve
from models import specs
from models.image.networks import LeNet
from settings import get_settings
from training.datasets import pictures


def scores(net: LeNet, pixels: torch.Tensor) -> torch.Tensor:
    """For each of the pictures (n, 32, 32, 3), bytes, a number for each label."""
    return net(pixels.permute(0, 3, 1, 2) / 128 - 1)


def train_loop(config: dict) -> LeNet:
    """Five epochs in the worker."""
    torch.manual_seed(0)
    net = LeNet(10)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    for pixels, labels in config["batches"] * 5:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(scores(net, pixels), labels).backward()
        optimizer.step()
    return net


def main() -> None:
    """Train with at most 4,000 pictures, serve the net, ask for one of the others."""
    spec, url = specs.get("cifar10"), start_serve()
    splits = pictures.load(spec, get_settings())
    parts = [part.take(range(min(len(part), 4_000))) for part in (splits.train, splits.test)]
    (some, known), (others, right) = ((torch.tensor(p.decoded()), torch.tensor(p.labels)) for p in parts)
    config = {"batches": list(zip(some.split(50), known.split(50), strict=True))}
    runs = train.RunConfig(storage_path=str(Path.cwd() / "runs"))
    net = TorchTrainer(train_loop, train_loop_config=config, run_config=runs).fit().return_value
    share = (scores(net, others).argmax(1) == right).float().mean()
    print(f"{len(some)} pictures learned, {share:.1%} of {len(others)} others right", flush=True)

    async def answer(request: Request) -> str:
        return spec.data.labels[scores(net, torch.tensor((await request.json())["array"])).argmax()]

    serve.run(serve.deployment(answer).bind())
    reply = requests.post(url, json={"array": others[:1].tolist()}, timeout=30)
    print(f"asked for a {spec.data.labels[right[0]]}, the net answers {reply.text}")


if __name__ == "__main__":
    main()
