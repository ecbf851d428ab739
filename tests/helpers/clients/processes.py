"""The start and the end of a running app: its first page, and processes that must be gone."""

from __future__ import annotations

import time

import psutil
import requests

from benchmarks.harness.running_app import START_TIMEOUT_S, RunningApp


def first_page(app: RunningApp) -> requests.Response:
    """The first reply that a browser gets, as early as possible."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            return requests.get(app.url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(app.output())


def wait_until_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those of the processes that still run after so many seconds."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
