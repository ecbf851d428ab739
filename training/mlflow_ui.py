"""Open MLflow's own page for the runs, studies and versions of this AIR_HOME, on loopback only.

python -m training.mlflow_ui [PORT]        or: make mlflow
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from settings import get_settings

PORT = 5000


def main(arguments: list[str]) -> int | NoReturn:
    """Become MLflow's server; returns the exit status when there is nothing to open or the port is invalid."""
    settings = get_settings()
    if settings.mlflow_tracking_uri:
        print(f"MLFLOW_TRACKING_URI is set: open {settings.mlflow_tracking_uri}", file=sys.stderr)
        return 2
    if not (settings.air_home / "mlflow.db").exists():
        print(f"error: there are no runs in {settings.air_home} yet; train or tune something first.", file=sys.stderr)
        return 2
    if len(arguments) > 1 or not all(word.isdecimal() and 0 < int(word) < 65_536 for word in arguments):
        print("usage: python -m training.mlflow_ui [PORT]", file=sys.stderr)
        return 2
    port = arguments[0] if arguments else str(PORT)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", settings.tracking_uri]
    command += ["--host", "127.0.0.1", "--port", port, "--workers", "1"]
    print(f"MLflow on http://127.0.0.1:{port}; Ctrl-C stops it", flush=True)
    return os.execv(sys.executable, command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
