"""What answers on the public port while Ray's HAProxy does not: a starting page, and a HAProxy of our own."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from serve_deployments.front.haproxy import haproxy_runs, haproxy_serves
from serve_deployments.front.rules import STARTING_JSON, STARTING_PAGE, STARTING_PROTOCOL
from settings import Settings


class StandIn:
    """Keeps the port served while Ray's HAProxy is gone: Ray takes about ten seconds to start another.

    Checks every ``LOOK_S`` whether HAProxy listens; if not, runs one with Ray's last configuration
    until Ray's own is back.
    """

    LOOK_S = 0.05

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ended = threading.Event()
        self._process: subprocess.Popen | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching, and stop the HAProxy that this started."""
        self._ended.set()
        self._thread.join()
        if self._process is not None:
            self._process.kill()

    def _watch(self) -> None:
        while not self._ended.wait(self.LOOK_S):
            if self._process is None and not haproxy_runs(self._settings):
                self._process = self._start()
            elif self._process is not None and haproxy_serves(self._settings):
                self._process.send_signal(signal.SIGUSR1)  # it ends when its last request has
                self._process = None

    def _start(self) -> subprocess.Popen | None:
        folder = self._settings.tmp / "haproxy"
        written = max(folder.glob("*/haproxy.cfg"), key=lambda path: path.stat().st_mtime, default=None)
        if written is None:
            return None
        own = folder / "stand-in.cfg"
        # Without the ports and sockets by which Ray, and this watch, recognise Ray's own.
        edits = r"/stats socket/d;/^frontend prometheus/,/no log/d;/^listen stats/,$d;/server-state/d"
        own.write_text(subprocess.run(["sed", edits, str(written)], capture_output=True, text=True, check=True).stdout)
        return subprocess.Popen([os.environ["AIR_HAPROXY_BINARY"], "-db", "-f", str(own)], stderr=subprocess.DEVNULL)


class StartingPage:
    """Answers on the public port from the first second until HAProxy takes it over."""

    def __init__(self, host: str, port: int) -> None:
        self._server = _SharingServer((host, port), _Starting)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Give the port back."""
        self._server.shutdown()
        self._server.server_close()


class _SharingServer(ThreadingHTTPServer):
    """Shares its port, so that HAProxy can open it before this server closes it."""

    allow_reuse_port = True


class _Starting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        api = self.path.startswith("/api")
        error = STARTING_PROTOCOL if self.path.startswith("/api/v2") else STARTING_JSON
        body = error.replace("%[uuid]", f"{time.time_ns():x}").encode() if api else STARTING_PAGE.read_bytes()
        self.send_response(503)
        self.send_header("Content-Type", "application/json" if api else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "2")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """No line on the terminal for each request."""
