"""A real MLflow server on loopback, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

START_S = 180


@contextmanager
def mlflow_server(folder: Path, port: int) -> Iterator[str]:
    """Run the server while the block lasts, with its database and artifacts in ``folder``; gives its address."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *stores], cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(url, process, folder)
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _wait_until_it_answers(url: str, process: subprocess.Popen, folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            if requests.get(f"{url}/health", timeout=2).status_code == 200:
                return
        except requests.RequestException:
            pass
        output = (folder / "server.log").read_text()[-2000:]
        assert process.poll() is None, output
        assert time.monotonic() < deadline, output
        time.sleep(0.2)
