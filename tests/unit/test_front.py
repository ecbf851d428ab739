"""HAProxy with Ray's configuration and the changes of ``front``: where it listens, what one client may do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from benchmarks.harness.running_app import free_port
from serve_deployments import front
from settings import Settings

CLIENT, OTHER = "192.0.2.9", "192.0.2.10"


class _Echo(BaseHTTPRequestHandler):
    """Returns what HAProxy passed on; a heartbeat sends a line every ``pause_s`` of the server, without end."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.endswith("/gone"):
            self.close_connection = True
            return
        if self.path == "/reads":
            self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("seen-path", self.path)
        for name in ("via", front.VISITOR):
            self.send_header(f"seen-{name}", self.headers.get(name, "nothing"))
        streamed = "/heartbeat/" in self.path
        self.send_header(*(("Connection", "close") if streamed else ("Content-Length", "0")))
        self.end_headers()
        while streamed:
            try:
                self.wfile.write(b"data: ALIVE\n\n")
                time.sleep(self.server.pause_s)
            except OSError:
                return

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    pause_s = 0.05

    def handle_error(self, *_: object) -> None:
        """A client that has gone is no error."""


class Front:
    """A real HAProxy with Ray's configuration and ours, in front of a server that answers at every path."""

    def __init__(self, settings: Settings, server: _Server) -> None:
        self.port = settings.air_port
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = server

    def ask(self, path: str, client: str | None = None, **options: Any) -> requests.Response:
        """The reply to a client whose address a trusted proxy names."""
        headers = {"X-Forwarded-For": client} if client else {}
        return requests.get(self.url + path, headers=headers, timeout=10, **options)

    def statuses(self, path: str, client: str, times: int) -> list[int]:
        """The statuses of ``times`` requests, one after the other."""
        return [self.ask(path, client).status_code for _ in range(times)]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Front]]:
    """Starts HAProxy with the given settings."""
    from ray.serve._private import haproxy
    from ray.serve.config import HTTPOptions

    monkeypatch.setattr(os, "environ", dict(os.environ))
    with ExitStack() as running:

        def start(**given: Any) -> Front:
            settings = Settings(air_tmp=tmp_path, air_port=free_port(), **{"air_mode": "public", **given})
            front.prepare(settings)
            echo = running.enter_context(_Server(("127.0.0.1", settings.air_port + 5), _Echo))
            threading.Thread(target=echo.serve_forever, args=(0.05,), daemon=True).start()
            running.callback(echo.shutdown)
            server = haproxy.ServerConfig(name="SERVE_REPLICA_ui", host="127.0.0.1", port=settings.air_port + 5)
            config = haproxy.HAProxyConfig(
                http_options=HTTPOptions(host="127.0.0.1", port=settings.air_port),
                socket_path=str(tmp_path / "admin.sock"),
                stats_port=settings.haproxy_stats_port,
                metrics_port=settings.haproxy_metrics_port,
                metrics_enabled=False,
                enable_hap_optimization=False,
                timeout_client_s=2,
                nbthread=1,
            )
            backend = haproxy.BackendConfig(name="http-ui", path_prefix="/", app_name="ui", servers=[server])
            path = tmp_path / "haproxy.cfg"
            haproxy.HAProxyApi(config, {"http-ui": backend}, str(path))._generate_config_file_internal()
            command = [os.environ["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", str(path)]
            process = subprocess.Popen(command, env=os.environ)
            running.callback(process.wait)
            running.callback(process.kill)
            deadline = time.monotonic() + 10
            while front.port_is_free("127.0.0.1", settings.air_port):
                assert process.poll() is None, path.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            return Front(settings, echo)

        yield start


def _addresses(port: int) -> set[str]:
    found = psutil.net_connections("tcp")
    return {one.laddr.ip for one in found if one.laddr.port == port and one.status == psutil.CONN_LISTEN}


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
def test_public_port_alone_listens_at_air_host(start: Callable[..., Front], host: str) -> None:
    front_ = start(air_host=host, air_requests_per_minute=1)
    assert _addresses(front_.port) == {host}
    assert [front_.ask("/api/jobs").status_code for _ in range(3)] == [200] * 3, (
        "requests from this machine itself are not counted"
    )
    assert _addresses(front_.port + 2) == _addresses(front_.port + 3) == {"127.0.0.1"}


def test_predictions_of_one_client_are_limited_and_those_of_another_are_not_affected(
    start: Callable[..., Front],
) -> None:
    front_ = start(air_predictions_per_minute=5)
    assert front_.statuses("/api/cifar10/predict", CLIENT, 6) == [200] * 5 + [429]
    of_protocol = front_.ask("/api/v2/models/cifar10/infe%72", CLIENT)
    assert (of_protocol.status_code, of_protocol.json()["error"][:23]) == (429, "More than 5 predictions")
    assert front_.ask("/api/models", CLIENT).status_code == 200
    assert front_.ask("/api/cifar10/predict", OTHER).status_code == 200
    refused = front_.ask("/api/cifar10/predict", CLIENT)
    assert refused.headers["Retry-After"] == "30"
    assert refused.json()["error"] == {
        "code": "too_many_requests",
        "message": "More than 5 predictions came from your address within a minute; wait half a minute.",
    }


def test_requests_of_one_client_are_limited_but_not_those_for_the_pages_own_files(start: Callable[..., Front]) -> None:
    front_ = start(air_requests_per_minute=10)
    assert front_.statuses("/assets/index.js", CLIENT, 12) == [200] * 12
    assert front_.statuses("/api/jobs", CLIENT, 6) == [200] * 6
    assert front_.statuses("/gradio_api/queue/join", CLIENT, 5) == [200] * 4 + [429]
    assert front_.ask("/api/jobs", OTHER).status_code == 200
    assert front_.ask("/api/jobs").status_code == 200, "requests from this machine itself are not counted"


def test_a_network_of_ipv6_is_one_client_and_an_address_of_ipv4_is(start: Callable[..., Front]) -> None:
    front_ = start(air_requests_per_minute=3)
    addresses = [f"2001:db8:0:1::{i}" for i in range(4)]
    assert [front_.ask("/api/jobs", one).status_code for one in addresses] == [200] * 3 + [429]
    assert front_.ask("/api/jobs", "2001:db8:0:2::1").status_code == 200
    mapped = [f"::ffff:192.0.2.{i}" for i in range(4)]
    assert [front_.ask("/api/jobs", one).status_code for one in mapped] == [200] * 4


def test_page_gets_the_visitors_whole_address_from_the_proxy_and_not_from_the_visitor(
    start: Callable[..., Front],
) -> None:
    front_ = start()
    headers = {"X-Forwarded-For": "192.0.2.1, 2001:db8::1:2", front.VISITOR: "192.0.2.77"}
    reply = requests.get(front_.url, headers=headers, timeout=10)
    assert reply.headers[f"seen-{front.VISITOR}"] == "2001:db8::1:2"


def test_open_streams_of_one_client_are_limited_and_another_client_still_gets_one(start: Callable[..., Front]) -> None:
    front_ = start(air_open_requests=10)
    with ExitStack() as streams:
        statuses = []
        for _ in range(30):
            reply = streams.enter_context(front_.ask("/gradio_api/heartbeat/x", CLIENT, stream=True))
            statuses.append(reply.status_code)
        assert statuses == [200] * 10 + [429] * 20
        assert "open at once" in reply.json()["error"]["message"]
        assert front_.ask("/", OTHER).status_code == 200
        assert front_.statuses("/assets/index.js", CLIENT, 3) == [200] * 3
    deadline = time.monotonic() + 10
    while front_.ask("/", CLIENT).status_code != 200:
        assert time.monotonic() < deadline, "streams that have ended are still counted"
        time.sleep(0.05)


def test_slow_bodies_of_one_client_are_counted_as_open(start: Callable[..., Front]) -> None:
    front_ = start(air_open_requests=10)
    head = f"POST /api/v2/models/cifar10/infer HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {CLIENT}\r\n"
    with ExitStack() as clients:
        for _ in range(10):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", front_.port)))
            client.sendall(head.encode() + b"Content-Length: 20000000\r\n\r\n{")
        deadline = time.monotonic() + 10
        while front_.ask("/api/jobs", CLIENT).status_code != 429:
            assert time.monotonic() < deadline, "they are not counted"
            time.sleep(0.05)
        assert front_.ask("/api/jobs", OTHER).status_code == 200


def test_client_that_waits_for_an_answer_outlives_the_limit_of_those_that_send_nothing(
    start: Callable[..., Front],
) -> None:
    """Silent clients are cut off after 2 s here; the stream sends a line every 3 s."""
    front_ = start()
    front_.server.pause_s = 3
    with front_.ask("/gradio_api/heartbeat/x", CLIENT, stream=True) as reply:
        lines = reply.iter_lines(1)
        sent = [line for line in (next(lines) for _ in range(4)) if line]
    assert sent == [b"data: ALIVE"] * 2


def test_client_that_stops_in_the_middle_of_its_body_is_cut_off(start: Callable[..., Front]) -> None:
    front_ = start()
    with socket.create_connection(("127.0.0.1", front_.port), timeout=8) as client:
        client.sendall(b"POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n{")
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 400")


def test_connections_of_one_client_that_comes_without_a_proxy_are_bounded(start: Callable[..., Front]) -> None:
    own = [
        one.address for name, found in psutil.net_if_addrs().items() for one in found if one.family == socket.AF_INET
    ]
    outside = next((address for address in own if not address.startswith("127.")), None)
    if outside is None:
        pytest.skip("this machine has no address but loopback")
    front_ = start(air_host="0.0.0.0", air_open_requests=2)
    with ExitStack() as clients:
        for _ in range(2 * front.FILES_PER_REQUEST + 5):
            client = clients.enter_context(socket.create_connection((outside, front_.port)))
        client.settimeout(5)
        with suppress(ConnectionResetError):
            assert client.recv(1) == b"", "it is held"
        assert front_.ask("/").status_code == 200, "a client from another address gets a connection"


@pytest.mark.parametrize("mode", ["local", "public"])
def test_request_of_http_1_0_is_marked_as_one_that_came_through_a_proxy(start: Callable[..., Front], mode: str) -> None:
    front_ = start(air_mode=mode)
    assert front_.ask("/").headers["seen-via"] == "nothing"
    with socket.create_connection(("127.0.0.1", front_.port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        reply = client.makefile("rb").read()
    assert b"seen-via: 1.0" in reply


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        (b"POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n{", 400, "closed in the middle"),
        (b"GET /api/healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "no Host header"),
    ],
)
def test_what_haproxy_refuses_by_itself_has_the_form_of_an_error_of_the_api(
    start: Callable[..., Front], request_: bytes, status: int, sentence: str
) -> None:
    front_ = start(air_mode="local")
    with socket.create_connection(("127.0.0.1", front_.port), timeout=8) as client:
        client.sendall(request_)
        head, _, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d" % status)
    assert b"content-type: application/json" in head.lower()
    reply = json.loads(body)
    assert (sentence in reply["error"]["message"], set(reply)) == (True, {"error", "request_id"})


@pytest.mark.parametrize("mode", ["local", "public"])
def test_answer_of_who_has_gone_has_the_form_of_what_was_asked(start: Callable[..., Front], mode: str) -> None:
    front_ = start(air_mode=mode)
    ordinary, of_protocol = front_.ask("/api/models/gone"), front_.ask("/api/v%32/models/gone")
    assert [ordinary.status_code, of_protocol.status_code] == [502, 502]
    assert ordinary.headers["Retry-After"] == of_protocol.headers["Retry-After"] == "2"
    sentence = "The server process behind this route stopped and is restarting; try again."
    assert ordinary.json()["error"] == {"code": "unavailable", "message": sentence}
    assert of_protocol.json()["error"] == sentence
    assert set(ordinary.json()) == set(of_protocol.json()) == {"error", "request_id"}


def test_letters_that_are_written_as_percent_are_letters(start: Callable[..., Front]) -> None:
    front_ = start(air_mode="local")
    assert front_.ask("/api/breast%2Dcancer/pre%64ict").headers["seen-path"] == "/api/breast-cancer/predict"
    assert front_.ask("/api/models/a%2Fb%3F").headers["seen-path"] == "/api/models/a%2Fb%3F"


def test_local_mode_has_no_limits(start: Callable[..., Front]) -> None:
    front_ = start(air_mode="local", air_predictions_per_minute=1, air_requests_per_minute=1, air_open_requests=1)
    assert front_.statuses("/api/cifar10/predict", CLIENT, 3) == [200] * 3


def test_a_limit_of_0_is_no_limit(start: Callable[..., Front]) -> None:
    front_ = start(air_predictions_per_minute=0, air_requests_per_minute=0, air_open_requests=0)
    assert front_.statuses("/api/cifar10/predict", CLIENT, 5) == [200] * 5
