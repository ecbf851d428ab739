"""Start the app and its peers, suspend all but one of them, and count their processor time."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import requests

from benchmarks.harness.inputs import Inputs
from benchmarks.harness.load import LoadError, Measurement
from benchmarks.harness.running_app import RunningApp
from benchmarks.peers.checkpoint import CHECKPOINT, SERVES
from settings import ROOT

START_TIMEOUT_S = 120.0
SETTLED_S = 5.0
AWAKE_S = 1.0
REPLICA = re.compile(r"ray::ServeReplica:(cifar10|breast-cancer):(cifar10|breast-cancer)$")


class Server:
    """A server to measure: processes that can be suspended, and their processor time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def processes(self) -> list[psutil.Process]:
        """All of its processes, parents before children."""
        raise NotImplementedError

    def group_of(self, process: psutil.Process) -> str:  # noqa: ARG002 - a server of one group only
        """The group whose processor time includes this process."""
        return "server processes"

    def freeze(self) -> None:
        """Suspend every process."""
        # Twice, because one may have started between the listing and the signal.
        for process in self.processes() + self.processes():
            with suppress(psutil.Error):
                process.suspend()

    def thaw(self) -> None:
        """Resume every process."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.resume()

    def cpu(self) -> dict[tuple[int, str], float]:
        """Processor seconds so far of each process and its group."""
        used = {}
        for process in self.processes():
            with suppress(psutil.Error):
                times = process.cpu_times()
                used[process.pid, self.group_of(process)] = times.user + times.system
        return used

    def stop(self) -> None:
        """End every process."""
        raise NotImplementedError


def cpu_between(before: dict[tuple[int, str], float], after: dict[tuple[int, str], float]) -> dict[str, float]:
    """Processor seconds by group between two calls of ``cpu``."""
    groups: Counter[str] = Counter()
    for (pid, group), seconds in after.items():
        groups[group] += seconds - before.get((pid, group), 0.0)
    return dict(groups)


class Peer(Server):
    """A module of ``benchmarks.peers`` as a separate process, with its descendants."""

    def __init__(
        self, name: str, module: str, arguments: list[str], workers: int, inputs: Inputs, environment: dict[str, str]
    ) -> None:
        super().__init__(name)
        self._workers = workers
        self._inputs = inputs
        self._log = Path(
            environment["AIR_HOME"], re.sub(r"\W+", "-", f"{name} {inputs.model} {inputs.backend}") + ".log"
        )
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"benchmarks.peers.{module}", *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def wait_until_loaded(self) -> None:
        """Return when every worker has loaded its model on the expected backend. Raises LoadError."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while (loaded := self.output().count(f"{SERVES} ")) < self._workers:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise LoadError(f"{self.name}: {loaded} of {self._workers} workers started.\n{self.output()[-2000:]}")
            time.sleep(0.1)
        if self.output().count(f"{SERVES} {self._inputs.backend}\n") != loaded:
            raise LoadError(f"{self.name} does not serve on {self._inputs.backend}:\n{self.output()[-500:]}")

    def output(self) -> str:
        """Its output so far."""
        return self._log.read_text()

    def processes(self) -> list[psutil.Process]:
        """The process and its descendants."""
        with suppress(psutil.Error):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def stop(self) -> None:
        """Kill the whole process tree."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()
        self.process.stdin.close()
        self.process.wait()


class RawWorkers(Server):
    """Plain processes without a server, each waiting for its next round."""

    def __init__(self, name: str, folder: Path, inputs: Inputs, workers: int, environment: dict[str, str]) -> None:
        super().__init__(name)
        self._inputs = inputs
        arguments = [str(folder), str(len(inputs.bodies))]
        self._peers = [Peer(f"raw-{i}", "raw", arguments, 1, inputs, environment) for i in range(workers)]

    def wait_until_loaded(self) -> None:
        """Return when all have loaded their models. Raises LoadError."""
        for peer in self._peers:
            peer.wait_until_loaded()

    def processes(self) -> list[psutil.Process]:
        """All workers."""
        return [process for peer in self._peers for process in peer.processes()]

    def measure(self, seconds: float) -> Measurement:
        """Pictures a second of all workers together, with their labels checked. Raises LoadError."""
        known = [len(_answers(peer)) for peer in self._peers]
        for peer in self._peers:
            peer.process.stdin.write(f"{seconds}\n")
            peer.process.stdin.flush()
        results = [self._next_answer(peer, n, seconds) for peer, n in zip(self._peers, known, strict=True)]
        wrong = [i for result in results for i in self._inputs.checks if result["labels"][i] != self._inputs.labels[i]]
        done = sum(result["requests"] for result in results)
        rate = sum(result["requests"] / result["seconds"] for result in results)
        return Measurement(done, done / rate, failures=[f"input {i} has another label" for i in wrong])

    def _next_answer(self, peer: Peer, known: int, seconds: float) -> dict:
        deadline = time.monotonic() + seconds + START_TIMEOUT_S
        while len(answers := _answers(peer)) == known:
            if peer.process.poll() is not None or time.monotonic() > deadline:
                raise LoadError(f"{peer.name} does not answer.\n{peer.output()[-500:]}")
            time.sleep(0.05)
        return json.loads(answers[-1])

    def stop(self) -> None:
        """Kill all workers."""
        for peer in self._peers:
            peer.stop()


def _answers(peer: Peer) -> list[str]:
    """The complete lines of JSON that a raw worker has printed."""
    return [line for line in peer.output().split("\n")[:-1] if line.startswith("{")]


class App(Server):
    """AIR Studio, started with ``python app.py``, with the given checkpoints as its champions."""

    def __init__(self, home: Path, port: int, checkpoints: dict[str, Path], environment: dict[str, str]) -> None:
        super().__init__("AIR Studio")
        for model, folder in checkpoints.items():
            # A fresh AIR_HOME registers this folder as version 1.
            shutil.copytree(folder, home / "checkpoints" / model / "pretrained")
        self._app = RunningApp(home, port, **environment)
        self.url = self._app.url

    def start(self, expected: list[Inputs]) -> None:
        """Start, and check that each model runs on the expected backend. Raises LoadError."""
        try:
            self._app.start()
        except AssertionError as error:
            raise LoadError(f"The app does not start:\n{error}") from error
        for inputs in expected:
            serving = requests.get(f"{self.url}/api/models/{inputs.model}", timeout=30).json()["serving"]
            backends = {f"{replica['backend']} {replica['precision']}" for replica in serving}
            if backends != {inputs.backend}:
                raise LoadError(f"The app serves {inputs.model} on {', '.join(backends)}, not on {inputs.backend}.")
        self._wait_until_settled()

    def _wait_until_settled(self) -> None:
        # HAProxy is replaced a last time after the app is ready; suspended in the middle of that, it would
        # count as dead.
        known, since = set(), time.monotonic()
        while time.monotonic() - since < SETTLED_S:
            seen = {process.pid for process in self.processes()}
            if seen != known:
                known, since = seen, time.monotonic()
            time.sleep(0.5)

    def processes(self) -> list[psutil.Process]:
        """``python app.py`` and everything in its Ray session."""
        found = self._app.processes()
        with suppress(psutil.Error):
            # HAProxy is not a descendant, and Ray's agents do not name the app's folder.
            root = psutil.Process(self._app.process.pid)
            found = [root, *root.children(recursive=True), *found]
        return list(dict.fromkeys(found))

    def ray_address(self) -> str:
        """The address at which other programs join the app's Ray."""
        words = [word for process in self._app.processes() for word in process.cmdline()]
        return next(word.partition("=")[2] for word in words if word.startswith("--gcs-address="))

    def group_of(self, process: psutil.Process) -> str:
        """Model replicas, HAProxy, or the rest of Ray."""
        if REPLICA.search(process.cmdline()[0] if process.cmdline() else ""):
            return "model replicas"
        return "HAProxy" if process.name().startswith("haproxy") else "rest of Ray"

    def stop(self) -> None:
        """Stop it with a signal, and kill what does not end."""
        if self._app.process is None:
            return
        self.thaw()
        # Right after resuming, a signal may go to a thread that does not wake the main one.
        time.sleep(AWAKE_S)
        everything = self.processes()
        try:
            self._app.stop()
        except subprocess.TimeoutExpired:
            for process in everything:
                with suppress(psutil.Error):
                    process.kill()


def clean_environment() -> dict[str, str]:
    """This environment without the variables that would connect a new Ray or server to an existing one."""
    dropped = ("RAY_", "AIR_", "MLFLOW_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def peer_environment(home: Path, checkpoint: Path, engine: dict[str, str]) -> dict[str, str]:
    """The environment of a peer: the checkpoint and how to run it."""
    return {**clean_environment(), **engine, "AIR_HOME": str(home), CHECKPOINT: str(checkpoint)}
