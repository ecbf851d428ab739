"""Predictions during a training on the same machine: how much slower they get, and whether any fails."""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from benchmarks.harness import load, report
from benchmarks.harness.load import LoadError, Measurement, Target
from benchmarks.harness.rounds import SHIPPED, WARM_UP_S, Bench, say
from benchmarks.harness.servers import clean_environment
from settings import ROOT

CONNECTIONS = 8
AIM = 5
TRAINING = ["training.cifar10", "--preset", "quick", "--max-images", "4000", "--epochs", "3", "--num-workers", "2"]
STOP_TIMEOUT_S = 20
# A process needs these to join the Ray of an app on this machine, which listens on loopback only.
JOIN = {"RAY_AUTH_MODE": "token", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


class Training:
    """The command TRAINING on the Ray of the running app, with a separate AIR_HOME."""

    def __init__(self, home: Path, address: str) -> None:
        self._log = home.with_suffix(".log")
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *TRAINING],
                cwd=ROOT,
                env={**clean_environment(), **JOIN, "AIR_HOME": str(home), "RAY_ADDRESS": address},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def runs(self) -> bool:
        """Whether it is still running."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise LoadError if it failed."""
        if self._process.returncode:
            raise LoadError(f"The training ended with {self._process.returncode}:\n{self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop it and its Ray if they are still running."""
        if not self.runs():
            return
        tree = [self._process, *psutil.Process(self._process.pid).children(recursive=True)]
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            for process in tree:
                process.kill()


def run(bench: Bench, wrk: str, options: argparse.Namespace) -> int:
    """Print the table; returns the exit status. Raises LoadError."""
    targets = bench.start(SHIPPED, list(bench.checkpoints))
    for target in targets:
        load.measure(target, CONNECTIONS, WARM_UP_S)
    say("measuring the app alone")
    alone = [_measure_together(targets, options.seconds) for _ in range(options.rounds)]
    say("measuring the app during a training")
    training = Training(bench.folder / "training", bench.app.ray_address())
    bench.stack.callback(training.stop)
    beside = []
    while training.runs():
        measured = _measure_together(targets, options.seconds)
        if training.runs():
            beside.append(measured)
    training.check()
    if not beside:
        raise LoadError("The training ended before anything was measured during it.")
    print(report.header(wrk, bench.sources, options.rounds, options.seconds, held_still=False))
    print(f"{CONNECTIONS} connections to each model at once; `python -m {' '.join(TRAINING)}` ended with status 0.\n")
    print("| model | backend | p99 alone, ms | p99 during the training, ms | ratio of medians | aim | met |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for target, *rounds in zip(targets, zip(*alone, strict=True), zip(*beside, strict=True), strict=True):
        print(_row(target, *rounds))
    return int(any(measured.failures for each in (*alone, *beside) for measured in each))


def _measure_together(targets: list[Target], seconds: float) -> list[Measurement]:
    """All models under load at once."""
    with ThreadPoolExecutor(len(targets)) as pool:
        return list(pool.map(lambda target: load.measure(target, CONNECTIONS, seconds), targets))


def _row(target: Target, alone: tuple[Measurement, ...], beside: tuple[Measurement, ...]) -> str:
    title = f"| {target.inputs.model} | {target.inputs.backend} |"
    failures = [failure for measured in (*alone, *beside) for failure in measured.failures]
    if failures:
        say(f"FAILED: {title} {len(failures)} times, first: {failures[0]}")
        return f"{title} FAILED | FAILED | – | ≤ {AIM} | no |"
    before, after = ([measured.p99_ms for measured in each] for each in (alone, beside))
    ratio = statistics.median(after) / statistics.median(before)
    met = "yes" if ratio <= AIM else "no"
    return f"{title} {report.spread(before, 1)} | {report.spread(after, 1)} | {ratio:.2f} | ≤ {AIM} | {met} |"
