"""Start and stop the real app: ``python app.py`` in a process of its own."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import requests

from settings import ROOT

START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 60


def free_port() -> int:
    """A port with five free ones behind it."""
    # A random one: another process may be looking for a port too, and Ray's own workers use the ports below.
    for port in random.sample(range(20000, 29000, 10), 100):
        try:
            for offset in range(6):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return port
    raise RuntimeError("no free ports")


class RunningApp:
    """The app on its own port and AIR_HOME; it answers at ``url``."""

    def __init__(self, home: Path, port: int | None = None, **environment: str) -> None:
        self.port = port or free_port()
        self.home = home
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home.parent / f"{home.name}-{self.port}.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "AIR_HOME": str(home),
            "AIR_PORT": str(self.port),
            **environment,
        }
        self.process: subprocess.Popen | None = None
        self.early: requests.Response | None = None

    def start(self, wait: bool = True) -> RunningApp:
        """Start it, and wait until it reports that it is ready."""
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        """Return when the app reports that it is ready; fail with its output when it ends before."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while "AIR Studio is ready" not in self.output():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.1)

    def output(self) -> str:
        """What the app has printed."""
        return self.log.read_text()

    def processes(self, word: str = "") -> list[psutil.Process]:
        """The processes of this app with this word in their command line: its own, and all that name its folder."""
        mark = f"/tmp/air-{os.getuid()}-{self.port}/"
        found = []
        for process in psutil.process_iter():
            try:
                command, edits = " ".join(process.cmdline()), process.environ().get("AIR_HAPROXY_EDITS", "")
                if word in command and (process.pid == self.process.pid or mark in command or mark in edits):
                    found.append(process)
            except psutil.Error:
                continue
        return [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)
