"""Seconds from starting the app to its first answered prediction, by stage.

    python -m benchmarks.startup [ROUNDS]

Compared in the same run: a plain process that imports torch, loads the same checkpoint and
answers once; and Ray with Serve and one empty application behind the same HAProxy.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from settings import ROOT, available_cpus

ROUNDS = 3
PORT = 18_860
PLAIN = """
from pathlib import Path
import numpy as np
from models.image.model import ImageModel
model = ImageModel.load(Path("models/pretrained/cifar10"))
model.predict(np.zeros((1, 32, 32, 3), dtype=np.uint8))
"""
EMPTY_SERVE = """
import requests
from settings import get_settings
from serve_deployments import front
front.prepare(get_settings())
from training.runs import ray_session
ray_session.connect(get_settings(), **ray_session.private_folder(get_settings()))
from ray import serve
@serve.deployment
class Empty:
    async def __call__(self, request): return "ok"
serve.start(http_options={"host": "127.0.0.1", "port": get_settings().air_port})
serve.run(Empty.bind(), route_prefix="/")
assert requests.get(f"http://127.0.0.1:{get_settings().air_port}/").text == "ok"
import ray; ray.shutdown(); front.stop_orphans(get_settings())
"""
STAGE = re.compile(r"\[ *([\d.]+) s\] (.*)")


def seconds_of(script: str, environment: dict[str, str]) -> float:
    """Wall-clock seconds of a Python script."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def first_answer(environment: dict[str, str]) -> tuple[float, dict[str, float]]:
    """Seconds until a posted picture is answered, and the seconds at which each stage was printed."""
    home = Path(environment["AIR_HOME"])
    began = time.perf_counter()
    app = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{environment['AIR_PORT']}/api/cifar10/predict"
    picture = (ROOT / "benchmarks" / "harness" / "picture.png").read_bytes()
    try:
        while True:
            try:
                if requests.post(url, data=picture, headers={"Content-Type": "image/png"}, timeout=5).ok:
                    answered = time.perf_counter() - began
                    break
            except requests.RequestException:
                pass
            time.sleep(0.1)
        stages = {}
        for line in app.stdout:
            if found := STAGE.match(line):
                stages[found[2]] = float(found[1])
            if "is ready: http" in line:
                break
        return answered, stages
    finally:
        app.terminate()
        app.wait()
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    plain, empty, ours, stages = [], [], [], []
    for _ in range(rounds):
        home = tempfile.mkdtemp(prefix="air-bench-")
        environment = {**os.environ, "AIR_HOME": home, "AIR_PORT": str(PORT), "PYTHONPATH": str(ROOT)}
        plain.append(seconds_of(PLAIN, environment))
        empty.append(seconds_of(EMPTY_SERVE, environment))
        answered, reached = first_answer(environment)
        ours.append(answered)
        stages.append(reached)
    middle = {name: statistics.median(values) for name, values in (("plain", plain), ("empty", empty), ("ours", ours))}
    print(f"{available_cpus()} cores, median of {rounds} rounds, fresh AIR_HOME\n")
    print("| start to first answer | seconds | min | max | ours ÷ this |\n| --- | --- | --- | --- | --- |")
    for title, name, values in (
        ("plain process: torch, load, one answer", "plain", plain),
        ("Ray + Serve + HAProxy, one empty application", "empty", empty),
        ("AIR Studio, first image answered", "ours", ours),
    ):
        ratio = middle["ours"] / middle[name]
        print(f"| {title} | {middle[name]:.1f} | {min(values):.1f} | {max(values):.1f} | {ratio:.2f} |")
    print("\n| stage of AIR Studio | reached after, s |\n| --- | --- |")
    for stage in stages[0]:
        seen = [reached[stage] for reached in stages if stage in reached]
        print(f"| {stage.split(':')[0]} | {statistics.median(seen):.1f} |")


if __name__ == "__main__":
    main()
