"""The Serve that the programs which serve start: one of their own, whatever runs on this machine."""

from __future__ import annotations

import logging
import os
import socket

from examples import start_ray


def start_serve() -> str:
    """Start a Ray of this program's own with Serve, on a free port and without log lines; its URL."""
    # An app around this program has set up its own Serve by these: HAProxy, and where its files and ports are.
    for name in [name for name in os.environ if name.startswith("RAY_SERVE_")]:
        del os.environ[name]
    start_ray(own=True)
    from ray import serve

    logging.getLogger("ray.serve").setLevel("ERROR")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve.start(http_options={"port": port})
    return f"http://127.0.0.1:{port}"
