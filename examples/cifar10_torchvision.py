"""CIFAR-10 from torchvision to a served net; torchvision downloads it, unless CIFAR10_DIR names a folder that has it.

The chapter: ``TorchTrainer``, ``TorchCheckpoint``, ``PredictorDeployment`` with ``json_to_ndarray``. Today: checkpoints
are folders of one's own files, and Serve takes any function. Look at: how many answers are right; by chance, a tenth.
"""

from pathlib import Path

import requests
import torch
from ray import serve, train
from ray.train.torch import TorchTrainer
from starlette.requests import Request

from examples import cifar10
from examples.serving import start_serve
from models import specs
from models.image.networks import LeNet


def scores(net: LeNet, pixels: torch.Tensor) -> torch.Tensor:
    """For each of the pictures (n, 32, 32, 3), bytes, a number for each label."""
    return net(pixels.permute(0, 3, 1, 2) / 128 - 1)


def train_loop(config: dict) -> None:
    """Five epochs, and a checkpoint."""
    net, pixels, labels = LeNet(10), config["pixels"].split(50), config["labels"].split(50)
    optimizer, folder = torch.optim.Adam(net.parameters(), lr=0.002), config["folder"]
    for some, known in [*zip(pixels, labels, strict=True)] * 5:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(scores(net, some), known).backward()
        optimizer.step()
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), folder / "net.pt")
    train.report({}, checkpoint=train.Checkpoint(folder))


def main() -> None:
    """Train here (``num_workers=0``) with at most 4,000 pictures, serve the net, ask for one of the others."""
    spec, net = specs.get("cifar10"), LeNet(10)
    splits, url = cifar10(), start_serve()
    parts = [part.take(range(min(len(part), 4_000))) for part in (splits.train, splits.test)]
    (some, known), (others, right) = ((torch.tensor(p.decoded()), torch.tensor(p.labels)) for p in parts)
    torch.set_num_threads(1)  # the net is so small that a second thread only waits
    config = {"pixels": some, "labels": known, "folder": Path.cwd() / "runs" / "cifar10"}
    trainer = TorchTrainer(train_loop, train_loop_config=config, scaling_config=train.ScalingConfig(num_workers=0))
    net.load_state_dict(torch.load(Path(trainer.fit().checkpoint.path, "net.pt")))
    print(f"{len(some)} pictures learned, {sum(scores(net, others).argmax(1) == right)} of {len(others)} others right")

    async def answer(request: Request) -> str:
        return spec.data.labels[scores(net, torch.tensor((await request.json())["array"])).argmax()]

    serve.run(serve.deployment(answer).bind())
    reply = requests.post(url, json={"array": others[:1].tolist()}, timeout=30)
    print(f"asked for a {spec.data.labels[right[0]]}, the net answers {reply.text}")


if __name__ == "__main__":
    main()
