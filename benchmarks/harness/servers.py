"""Starting the app and its peers, holding still all but one of them, and where their processor time goes."""

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
    """Something that is measured: processes that can be held still, and what they cost."""

    def __init__(self, name: str) -> None:
        self.name = name

    def processes(self) -> list[psutil.Process]:
        """All of its processes, parents before children."""
        raise NotImplementedError

    def group_of(self, process: psutil.Process) -> str:  # noqa: ARG002 - a server of one group only
        """Under which name the time of a process is counted."""
        return "server processes"

    def freeze(self) -> None:
        """Stop every process where it is."""
        # Twice, since one may have been born between the look and the signal.
        for process in self.processes() + self.processes():
            with suppress(psutil.Error):
                process.suspend()

    def thaw(self) -> None:
        """Let every process go on."""
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
    """Processor seconds by group between two looks."""
    groups: Counter[str] = Counter()
    for (pid, group), seconds in after.items():
        groups[group] += seconds - before.get((pid, group), 0.0)
    return dict(groups)


class Peer(Server):
    """A module of ``benchmarks.peers`` as a process of its own, with what it starts."""

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
        """Return when every worker has its model, by the expected backend. Raises LoadError."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while (loaded := self.output().count(f"{SERVES} ")) < self._workers:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise LoadError(f"{self.name}: {loaded} of {self._workers} workers started.\n{self.output()[-2000:]}")
            time.sleep(0.1)
        if self.output().count(f"{SERVES} {self._inputs.backend}\n") != loaded:
            raise LoadError(f"{self.name} does not serve by {self._inputs.backend}:\n{self.output()[-500:]}")

    def output(self) -> str:
        """What it has printed."""
        return self._log.read_text()

    def processes(self) -> list[psutil.Process]:
        """The process and its descendants."""
        with suppress(psutil.Error):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def stop(self) -> None:
        """Kill the whole tree; there is nothing to keep."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()
        self.process.stdin.close()
        self.process.wait()


class RawWorkers(Server):
    """Plain processes without a server, each waiting for its next turn."""

    def __init__(self, name: str, folder: Path, inputs: Inputs, workers: int, environment: dict[str, str]) -> None:
        super().__init__(name)
        self._inputs = inputs
        arguments = [str(folder), str(len(inputs.bodies))]
        self._peers = [Peer(f"raw-{i}", "raw", arguments, 1, inputs, environment) for i in range(workers)]

    def wait_until_loaded(self) -> None:
        """Return when all have their models. Raises LoadError."""
        for peer in self._peers:
            peer.wait_until_loaded()

    def processes(self) -> list[psutil.Process]:
        """All workers."""
        return [process for peer in self._peers for process in peer.processes()]

    def measure(self, seconds: float) -> Measurement:
        """Pictures a second of all workers together; labels are compared. Raises LoadError."""
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
    """The whole lines of JSON that a raw worker has printed."""
    return [line for line in peer.output().split("\n")[:-1] if line.startswith("{")]


class App(Server):
    """AIR Studio as a person starts it, with the given checkpoints as its champions."""

    def __init__(self, home: Path, port: int, checkpoints: dict[str, Path], environment: dict[str, str]) -> None:
        super().__init__("AIR Studio")
        for model, folder in checkpoints.items():
            # What lies here becomes version 1 of a fresh AIR_HOME.
            shutil.copytree(folder, home / "checkpoints" / model / "pretrained")
        self._app = RunningApp(home, port, **environment)
        self.url = self._app.url

    def start(self, expected: list[Inputs]) -> None:
        """Start, and see that each model is served by the backend expected. Raises LoadError."""
        try:
            self._app.start()
        except AssertionError as error:
            raise LoadError(f"The app does not start:\n{error}") from error
        for inputs in expected:
            serving = requests.get(f"{self.url}/api/models/{inputs.model}", timeout=30).json()["serving"]
            told = {f"{replica['backend']} {replica['precision']}" for replica in serving}
            if told != {inputs.backend}:
                raise LoadError(f"The app serves {inputs.model} by {', '.join(told)}, not by {inputs.backend}.")

        self._wait_until_settled()

    def _wait_until_settled(self) -> None:
        # HAProxy is replaced a last time after the app is ready; held still in the middle of that, it would
        # be taken for dead.
        known, since = set(), time.monotonic()
        while time.monotonic() - since < SETTLED_S:
            seen = {process.pid for process in self.processes()}
            if seen != known:
                known, since = seen, time.monotonic()
            time.sleep(0.5)

    def processes(self) -> list[psutil.Process]:
        """``python app.py`` and all of its Ray session."""
        found = self._app.processes()
        with suppress(psutil.Error):
            # HAProxy is no descendant, and Ray's agents name no folder of the app.
            root = psutil.Process(self._app.process.pid)
            found = [root, *root.children(recursive=True), *found]
        return list(dict.fromkeys(found))

    def ray_address(self) -> str:
        """Where others join the app's Ray."""
        words = [word for process in self._app.processes() for word in process.cmdline()]
        return next(word.partition("=")[2] for word in words if word.startswith("--gcs-address="))

    def group_of(self, process: psutil.Process) -> str:
        """Model replicas, HAProxy, and all else."""
        if REPLICA.search(process.cmdline()[0] if process.cmdline() else ""):
            return "model replicas"
        return "HAProxy" if process.name().startswith("haproxy") else "rest of Ray"

    def stop(self) -> None:
        """As Ctrl-C would; by force where that is not enough."""
        if self._app.process is None:
            return
        self.thaw()
        # Right after it goes on, a signal may be given to a thread that does not wake the main one.
        time.sleep(AWAKE_S)
        everything = self.processes()
        try:
            self._app.stop()
        except subprocess.TimeoutExpired:
            for process in everything:
                with suppress(psutil.Error):
                    process.kill()


def clean_environment() -> dict[str, str]:
    """This environment without what would turn a Ray or a server of its own into somebody else's."""
    dropped = ("RAY_", "AIR_", "MLFLOW_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def peer_environment(home: Path, checkpoint: Path, engine: dict[str, str]) -> dict[str, str]:
    """What a peer is told: the checkpoint and how to run it."""
    return {**clean_environment(), **engine, "AIR_HOME": str(home), CHECKPOINT: str(checkpoint)}
