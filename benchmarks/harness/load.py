"""Load by wrk on one server, while a thread posts inputs with known labels and compares the answers."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests

from benchmarks.harness.inputs import Inputs

SCRIPT = Path(__file__).with_name("load.lua")
CHECKS_PER_S = 5
CHECK_TIMEOUT_S = 15.0
IN_A_ROW = 3
ANSWER_TIMEOUT_S = 60.0


@dataclass
class Measurement:
    """The figures of one cell in one round; no latencies where there is no server."""

    requests: int = 0
    seconds: float = 1.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    failures: list[str] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class LoadError(Exception):
    """The load could not be produced, or the server did not answer; str() gives the reason."""


@dataclass(frozen=True)
class Target:
    """One route and its inputs; ``folder`` holds the bodies as files."""

    url: str
    inputs: Inputs
    folder: Path

    def ask(self, session: requests.Session, i: int) -> str | None:
        """Post body ``i``; returns what is wrong with the answer, None when it is right."""
        try:
            reply = session.post(
                self.url,
                data=self.inputs.bodies[i],
                headers={"Content-Type": self.inputs.content_type},
                timeout=CHECK_TIMEOUT_S,
                allow_redirects=False,
            )
            if reply.status_code != 200:
                return f"status {reply.status_code}: {reply.text[:100]}"
            label = reply.json()["predictions"][0]["label"]
        except (requests.RequestException, ValueError, KeyError) as error:
            return f"{type(error).__name__}: {str(error)[:100]}"
        return None if label == self.inputs.labels[i] else f"input {i} is {self.inputs.labels[i]}, answered {label}"

    def wait_until_it_answers(self) -> None:
        """Return after three right answers in a row. Raises LoadError."""
        deadline, right, wrong = time.monotonic() + ANSWER_TIMEOUT_S, 0, None
        while right < IN_A_ROW:
            if time.monotonic() > deadline:
                raise LoadError(f"no {IN_A_ROW} right answers in a row after {ANSWER_TIMEOUT_S:.0f} s; last: {wrong}")
            with requests.Session() as session:
                wrong = self.ask(session, self.inputs.checks[right])
            right = 0 if wrong else right + 1
            if wrong:
                time.sleep(0.2)


class Checker(threading.Thread):
    """Posts a few inputs a second and keeps the wrong answers."""

    def __init__(self, target: Target) -> None:
        super().__init__(daemon=True)
        self.failures: list[str] = []
        self._target = target
        self._over = threading.Event()

    def run(self) -> None:
        """Post until ``finish``."""
        asked = 0
        with requests.Session() as session:
            while not self._over.wait(1 / CHECKS_PER_S):
                checks = self._target.inputs.checks
                wrong = self._target.ask(session, checks[asked % len(checks)])
                asked += 1
                if wrong:
                    self.failures.append(wrong)
        if not asked:
            self.failures.append("nothing was checked")

    def finish(self) -> list[str]:
        """Stop, and return the wrong answers."""
        self._over.set()
        self.join()
        return self.failures


def check_wrk() -> str:
    """wrk's version. Raises LoadError when it is missing."""
    if shutil.which("wrk") is None:
        raise LoadError("wrk, which produces the load, is not installed. Debian and Ubuntu: apt install wrk")
    return subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.split(" [")[0].removeprefix("wrk ")


def measure(target: Target, connections: int, seconds: float) -> Measurement:
    """Load the server for ``seconds`` and check its answers meanwhile. Raises LoadError."""
    checker = Checker(target)
    checker.start()
    before = _children_cpu()
    try:
        counted = _wrk(target, connections, seconds)
    finally:
        wrong = checker.finish()
    if not counted["requests"]:
        wrong.append("wrk got no answer")
    errors = {name: count for name, count in counted["errors"].items() if count}
    return Measurement(
        requests=counted["requests"],
        seconds=counted["seconds"],
        p50_ms=counted["p50_ms"],
        p99_ms=counted["p99_ms"],
        failures=wrong + [f"wrk counted {count} {name} errors" for name, count in errors.items()],
        cpu={"wrk": _children_cpu() - before},
    )


def _wrk(target: Target, connections: int, seconds: float) -> dict:
    # wrk takes whole seconds only.
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", "15s"]
    arguments = [str(target.folder), str(len(target.inputs.bodies)), target.inputs.content_type]
    ended = subprocess.run([*command, "-s", str(SCRIPT), target.url, "--", *arguments], capture_output=True, text=True)
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode or not lines:
        raise LoadError(f"wrk ended with {ended.returncode}: {(ended.stderr or ended.stdout).strip()[-300:]}")
    return json.loads(lines[-1])


def _children_cpu() -> float:
    """Processor seconds of the children that have ended; the servers are still running."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
