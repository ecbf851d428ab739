"""The life of the app: the starting page, ready, a second start, versions registered by other processes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import psutil
import requests

from benchmarks.harness.running_app import RunningApp
from models.registry import Registry
from settings import ROOT, Settings

PICTURE = (ROOT / "docs" / "example.png").read_bytes()


def test_page_is_there_before_the_app_is_ready_and_then_answers(app: RunningApp, api: str) -> None:
    assert app.early.status_code == 503
    assert "is starting" in app.early.text
    assert requests.get(app.url).status_code == 200
    assert requests.get(f"{api}/readyz").json() == {
        "ready": True,
        "models": {"cifar10": "ready", "breast-cancer": "ready", "wine": "ready"},
    }
    ready_at = float(re.search(r"\[ *([\d.]+) s\] AIR Studio is ready", app.output())[1])
    assert ready_at > 0
    assert "for this machine and its users only" in app.output()
    assert len(app.processes()) > 10


def test_second_start_leaves_the_first_alone(app: RunningApp) -> None:
    def parts() -> set[int]:
        names = ("gcs_server", "raylet", "haproxy", "ServeController", "ServeReplica")
        return {process.pid for name in names for process in app.processes(name)}

    before = parts()
    ended = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=app.environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert f"AIR Studio is already running on port {app.port}" in ended.stderr
    assert requests.get(f"{app.url}/api/readyz").json()["ready"] is True
    assert parts() == before


def test_versions_registered_beside_the_app_are_seen_and_answer(app: RunningApp, api: str) -> None:
    """A damaged version is refused with a reason, and the champion stays in service."""
    registry = Registry(Settings(air_home=app.home))
    shipped = ROOT / "models" / "pretrained" / "breast-cancer"
    first, second = (
        registry.register(str(shutil.copytree(shipped, app.home / "checkpoints" / "breast-cancer" / name)))
        for name in ("beside-one", "beside-two")
    )
    row = requests.get(f"{api}/models/breast-cancer/examples?n=1&seed=1").json()["examples"][0]["row"]
    listed = requests.get(f"{api}/models/breast-cancer").json()["versions"]
    aliases = {item["version"]: item["aliases"] for item in listed}
    assert (aliases[second], aliases[first], aliases["1"]) == (["challenger"], [], ["champion"])

    both = requests.post(f"{api}/breast-cancer/compare", json=row).json()
    assert [both[side]["model"]["version"] for side in ("champion", "challenger")] == ["1", second]
    assert both["champion"]["predictions"] == both["challenger"]["predictions"]

    weights = app.home / "checkpoints" / "breast-cancer" / "beside-one" / "layers.npz"
    weights.write_bytes(weights.read_bytes()[:-50])
    damaged = requests.post(f"{api}/breast-cancer/predict?version={first}", json=row)
    assert damaged.status_code == 409
    assert "layers.npz has" in damaged.json()["error"]["message"]
    assert requests.post(f"{api}/breast-cancer/predict", json=row).json()["model"]["version"] == "1"


def test_request_id_of_serve_is_the_one_in_the_reply(api: str) -> None:
    reply = requests.post(f"{api}/cifar10/predict", data=PICTURE, headers={"Content-Type": "image/png"})
    assert reply.status_code == 200
    assert reply.headers["X-Request-ID"] == reply.json()["request_id"]


def test_body_of_thirty_megabytes_gets_its_reason(api: str) -> None:
    reply = requests.post(f"{api}/cifar10/predict", data=b"x" * 30_000_000, headers={"Content-Type": "image/png"})
    assert (reply.status_code, "20 MB" in reply.json()["error"]["message"]) == (413, True)


def test_documentation_comes_with_its_scripts(app: RunningApp, api: str) -> None:
    page = requests.get(f"{api}/docs")
    assert page.status_code == 200
    script = next(part for part in page.text.split('"') if part.endswith("swagger-ui-bundle.js"))
    assert requests.get(app.url + script).status_code == 200


def test_cluster_shows_what_really_runs(app: RunningApp, api: str) -> None:
    seen = requests.get(f"{api}/cluster").json()
    [node] = seen["nodes"]
    assert node["head"]
    assert 0 < node["cpus_used"] < node["cpus"]
    assert node["memory"]["total"] == psutil.virtual_memory().total
    assert node["object_store"]["total"] == 1024 * 1024**2
    assert {one["model"] for one in seen["replicas"]} == {"cifar10", "breast-cancer", "wine"}
    serving = [process for process in seen["processes"] if process["workload"] == "serving"]
    running = {process.pid: process.cmdline()[0] for process in app.processes("ray::ServeReplica")}
    replicas = {process["pid"]: f"ray::{process['name']}" for process in serving if "ServeReplica" in process["name"]}
    assert replicas == running
    assert {one["pid"] for one in seen["replicas"]} < set(replicas)
    assert seen["actors"]["alive"] >= len(serving)
