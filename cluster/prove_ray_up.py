"""Bring up ``cluster/local.yaml`` on three machines of namespaces, use it, break it, and take it down.

    make proof-cluster        as root, with sshd, rsync and iproute2

Machines: ``cluster/machines.py``. They share an S3 server and an MLflow server in the driver's namespace.

    ray up → one node → a training waits for CPUs, so two workers start → app.py serves on three nodes
    → a node loses power during a training of the image model and predictions → both continue
    → idle: the workers are removed → ray down → no process is left

Exit status 0: every step passed. 1: a step failed. 2: it cannot run here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cluster.clients import API, Clients, answers, ask_both, call_api  # noqa: E402
from cluster.machines import DRIVER, Machine, call, make_key, make_network, missing  # noqa: E402
from cluster.steps import LIMIT_S, expect, fail, processes, say, tail, wait  # noqa: E402

INSIDE = "--inside"
BIN = Path(sys.executable).parent
S3, MLFLOW = f"http://{DRIVER}:5555", f"http://{DRIVER}:5556"
DASHBOARD = "http://127.0.0.1:8265/api/v0"
AIR_ENV = f"""\
AIR_STORAGE=s3://studio/air
AWS_ENDPOINT_URL={S3}
AWS_ACCESS_KEY_ID=user
AWS_SECRET_ACCESS_KEY=secret
MLFLOW_TRACKING_URI={MLFLOW}
AIR_IMAGE_REPLICAS=3
AIR_TABLE_REPLICAS=3
CIFAR10_DIR=/root/pictures
"""
IDLE_MINUTES = 1.5
# On a head that keeps its CPU for serving, a training with two workers does not fit.
HEAD_CPUS, WORKER_CPUS = 1, 3
EPOCHS = 12
PICTURES = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from models import specs
random = np.random.default_rng(0)
for label, name in enumerate(specs.get("cifar10").data.labels):
    colour = np.array([(label % 3) * 100, (label // 3 % 2) * 180, (label // 6) * 200])
    for split, count in (("train", 120), ("test", 20)):
        folder = Path(sys.argv[1], split, name)
        folder.mkdir(parents=True)
        for i in range(count):
            pixels = np.clip(colour + random.normal(0, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
"""
GONE_S = 30.0


class Proof:
    """One run of all steps; each reports its result, or ends the run."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.home = work / "driver"
        self.key = work / "key"
        self.file = work / "local.yaml"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "AIR_", "AWS_"))},
            "HOME": str(self.home),
            "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "RAY_AUTH_MODE": "token",
            "RAY_UP_enable_autoscaler_v2": "0",
        }
        self.machines: list[Machine] = []

    def run(self, stack: ExitStack) -> None:
        """All steps, in order."""
        self.prepare(stack)
        self.up(stack)
        self.workers_come_under_load()
        self.serve()
        self.worker_dies()
        self.workers_go_when_idle()
        self.down()

    def prepare(self, stack: ExitStack) -> None:
        """Network, servers, machines, and the copy of local.yaml for them."""
        make_network()
        make_key(self.key)
        self.home.mkdir()
        self.start_server(stack, "-m", "moto.server", "-H", DRIVER, "-p", "5555")
        stores = [
            "--backend-store-uri",
            f"sqlite:///{self.work}/mlflow.db",
            "--artifacts-destination",
            f"{self.work}/files",
        ]
        self.start_server(
            stack, "-m", "mlflow", "server", "--host", DRIVER, "--port", "5556", "--workers", "1", *stores
        )
        for number, name in ((11, "head"), (12, "worker1"), (13, "worker2")):
            self.machines.append(Machine(self.work, name, number, self.key))
            stack.callback(self.machines[-1].power_off)
            self.machines[-1].boot()
        wait(lambda: answers(S3 + "/moto-api/"), "the S3 server does not answer")
        wait(lambda: answers(MLFLOW + "/health"), "the MLflow server does not answer")
        urllib.request.urlopen(urllib.request.Request(f"{S3}/studio", method="PUT"), timeout=10)
        self.write_file()
        say("three machines with sshd, a disk and a network of their own; an S3 server and an MLflow server")

    def start_server(self, stack: ExitStack, *command: str) -> None:
        """A server in the driver's namespace, for as long as the proof lasts."""
        with (self.work / "servers.log").open("a") as log:
            server = subprocess.Popen(
                [sys.executable, *command],
                cwd=self.work,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        stack.callback(os.killpg, server.pid, signal.SIGKILL)

    def write_file(self) -> None:
        """Write local.yaml with these machines filled in, and a copy of cluster/ with an air.env in it."""
        settings = self.work / "cluster"
        shutil.copytree(ROOT / "cluster", settings, ignore=shutil.ignore_patterns("__pycache__", "air.env"))
        (settings / "air.env").write_text(AIR_ENV)
        text = (ROOT / "cluster" / "local.yaml").read_text()
        config = yaml.safe_load(text)
        head, *workers = (machine.address for machine in self.machines)
        config["provider"] = {"type": "local", "head_ip": head, "worker_ips": workers}
        config["auth"] = {"ssh_user": "root", "ssh_private_key": str(self.key)}
        config["max_workers"], config["idle_timeout_minutes"] = len(workers), IDLE_MINUTES
        config["file_mounts"]["~/air-studio/cluster"] = str(settings)
        config["file_mounts"]["~/.ray/auth_token"] = str(self.home / ".ray" / "auth_token")
        for key, cpus in (("head_start_ray_commands", HEAD_CPUS), ("worker_start_ray_commands", WORKER_CPUS)):
            config[key] = [
                line.replace("$AIR_LOGICAL_CPUS", f"{cpus} --object-store-memory=300000000") for line in config[key]
            ]
        self.file.write_text(yaml.safe_dump(config))

    def ray(self, *words: str) -> str:
        """Run a command of the launcher, as in docs/clusters.md; returns its output."""
        ended = subprocess.run(
            [str(BIN / "ray"), *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=420
        )
        if ended.returncode:
            fail(f"ray {' '.join(words)} failed:\n{(ended.stdout + ended.stderr)[-4000:]}")
        return ended.stdout

    @property
    def head(self) -> Machine:
        """The head's machine."""
        return self.machines[0]

    def listed(self, kind: str) -> list[dict[str, Any]]:
        """Nodes or actors that are alive, from the dashboard."""
        token = (self.home / ".ray" / "auth_token").read_text().strip()
        alive = "limit=1000&filter_keys=state&filter_predicates=%3D&filter_values=ALIVE"
        request = urllib.request.Request(f"{DASHBOARD}/{kind}?{alive}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["data"]["result"]["result"]

    def nodes(self) -> list[str]:
        """Addresses of the nodes that are alive."""
        return sorted(node["node_ip"] for node in self.listed("nodes"))

    def nodes_of(self, kind: str) -> set[str]:
        """Addresses of the nodes that run actors of a class."""
        addresses = {node["node_id"]: node["node_ip"] for node in self.listed("nodes")}
        actors = [actor for actor in self.listed("actors") if kind in actor["class_name"]]
        return {addresses[actor["node_id"]] for actor in actors if actor["node_id"] in addresses}

    def tunnel(self, stack: ExitStack) -> None:
        """Forward the dashboard and the app, which listen on the head's loopback, to this machine's loopback."""
        ports = [word for port in (7860, 8265) for word in ("-L", f"{port}:127.0.0.1:{port}")]
        tunnel = subprocess.Popen([*self.head.login(), "-N", *ports])
        stack.callback(tunnel.kill)

    def up(self, stack: ExitStack) -> None:
        """`ray up`: only the head starts, since no work waits for a worker."""
        self.ray("get-auth-token", "--generate")
        self.ray("up", "-y", str(self.file))
        status = self.ray("exec", str(self.file), "ray status")
        self.tunnel(stack)
        wait(lambda: bool(self.nodes()), "the dashboard does not answer")
        expect(self.nodes() == [self.head.address], f"one node was expected:\n{status}")
        say("ray up: the head runs, without workers")

    def workers_come_under_load(self) -> None:
        """A training that does not fit on the head makes the cluster start the workers."""
        self.head.ssh(f"cd ~/air-studio && .venv/bin/python - ~/pictures <<'EOF'\n{PICTURES}\nEOF")
        self.start_on_head("-m training.breast_cancer --num-workers 3", "training.log")
        wait(lambda: len(self.nodes()) == 3, "two workers did not start")
        status = self.ray("exec", str(self.file), "ray status")
        print(status[status.find("=====") :].strip(), flush=True)
        log = self.head.home / "training.log"
        wait(lambda: "breast-cancer version 2" in log.read_text(), lambda: f"the training did not end:\n{tail(log)}")
        say("a training of the table model waited for CPUs: two workers started, three nodes; it made version 2")

    def serve(self) -> None:
        """Start app.py on the head; the replicas spread over the nodes."""
        self.start_on_head("app.py", "app.log")
        log = self.head.home / "app.log"
        wait(lambda: "AIR Studio is ready" in log.read_text(), lambda: f"the app is not ready:\n{tail(log)}")
        wait(lambda: answers(f"{API}/readyz"), "the app does not answer through the tunnel")
        for model in ("cifar10", "breast-cancer"):
            where = self.nodes_of(f"ServeReplica:{model}:{model}")
            expect(len(where) == 3, f"replicas of {model} run on {sorted(where)} only")
        ask_both()
        say("app.py: both models answer, each from three nodes")

    def start_on_head(self, program: str, log: str) -> None:
        """Start a program of the repository on the head that outlives the login."""
        there = f"cd ~/air-studio && . cluster/node.sh && RAY_ADDRESS=auto exec setsid python {program}"
        self.head.ssh(f"({there}) </dev/null >~/{log} 2>&1 &")

    def worker_dies(self) -> None:
        """A node loses power while it trains and serves."""
        config = {"net": "lenet", "epochs": EPOCHS, "num_workers": 3, "batch_size": 100}
        job = call_api("/jobs", {"kind": "train", "model": "cifar10", "config": config})
        path = f"/jobs/{job['id']}"
        wait(lambda: len(call_api(path)["metrics"]) >= 2, lambda: f"no epoch was done: {call_api(path)}")
        where = self.nodes_of("RayTrainWorker")
        expect(len(where) == 2, f"the training runs on {sorted(where)}")
        victim = next(machine for machine in self.machines[1:] if machine.address in where)
        before = call_api(path)["metrics"]
        done = len(before)
        with Clients() as clients:
            victim.power_off()
            say(f"{victim.name} lost its power after epoch {done} of {EPOCHS}")
            wait(lambda: len(self.nodes()) == 2, "the cluster did not notice the node's death")
            victim.boot()
            say(f"{victim.name} is switched on again")
            wait(
                lambda: call_api(path)["state"] not in ("queued", "running"),
                lambda: f"it did not end: {call_api(path)}",
                240,
            )
            ended = call_api(path)
        expect(ended["state"] == "succeeded", f"the training {ended['state']}: {ended['error']}")
        version = ended["result"]["version"]
        history = call_api(f"/models/cifar10/versions/{version}/evaluation")["history"]
        expect(len(history) == EPOCHS, f"the version lists {len(history)} epochs")
        # Equal speeds show that an epoch was not repeated; the last one's state may have been lost with the node.
        kept = [history[str(epoch)]["images_per_s"] == before[epoch]["images_per_s"] for epoch in range(done - 1)]
        expect(all(kept), f"the training started again from the beginning: {history}")
        expect(
            clients.failed == [], f"{len(clients.failed)} of {clients.asked} predictions failed: {clients.failed[:3]}"
        )
        say(
            f"the training continued and made version {version}; meanwhile all {clients.asked} predictions "
            f"were answered, the slowest pair after {clients.slowest:.1f} s"
        )
        ask_both()

    def workers_go_when_idle(self) -> None:
        """Once the app has stopped, the cluster removes the workers."""
        self.head.ssh("pkill -TERM -f 'python app.py'")
        log = self.head.home / "app.log"
        wait(lambda: not self.nodes_of("ServeReplica"), lambda: f"the app did not stop:\n{tail(log)}")
        wait(
            lambda: self.nodes() == [self.head.address],
            lambda: f"still there: {self.nodes()}",
            60 * IDLE_MINUTES + LIMIT_S,
        )
        say(f"idle for {IDLE_MINUTES:g} minutes: both workers were removed")

    def down(self) -> None:
        """`ray down`; then search the machines for processes of Ray."""
        self.ray("down", "-y", str(self.file))
        left = processes("raylet", "gcs_server", "ray::", "haproxy", "app.py", "dashboard", "training.jobs.runner")
        expect(left == [], f"processes are left: {left}")
        say("ray down: no process of Ray is left on any machine")


def main() -> int:
    """Run in new namespaces, with which everything started there ends; returns the exit status."""
    if INSIDE not in sys.argv:
        reason = missing()
        if reason:
            print(f"==== NOT PROVEN: {reason} ====", file=sys.stderr)
            return 2
        namespaces = ["unshare", "-m", "-n", "-p", "-f", "--kill-child", "--mount-proc"]
        sys.stdout.flush()
        os.execvp("unshare", [*namespaces, sys.executable, __file__, INSIDE])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    call("mount", "-t", "tmpfs", "-o", "mode=1777", "own", "/tmp")
    work = Path(tempfile.mkdtemp(prefix="air-cluster-", dir="/var/tmp"))
    try:
        with ExitStack() as stack:
            Proof(work).run(stack)
        # The launcher keeps its SSH connections for ten seconds.
        wait(lambda: processes() == [], lambda: f"processes are left: {processes()}", GONE_S)
        say("proven: up, under load, broken, idle, down")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
