"""Floods, slow clients and killed processes: what clients see, and a quick recovery."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import requests

from benchmarks.harness.running_app import RunningApp
from settings import ROOT
from tests.helpers.clients.load import Load

PICTURE = (ROOT / "docs" / "example.png").read_bytes()
PNG = {"Content-Type": "image/png"}
BACK_WITHIN_S = 10
FLOOD = 150
SLOW_CLIENTS = 300
HEADER_TIMEOUT_S = 15
DEADLINE_S = 30
ONE_CLIENT = "192.0.2.50"
MANY_OF_ONE = 200
OPEN_REQUESTS = 40


@pytest.fixture
def url(public_app: RunningApp) -> str:
    return f"{public_app.url}/api/cifar10/predict"


def _serving(app: RunningApp) -> int:
    try:
        return len(requests.get(f"{app.url}/api/models/cifar10", timeout=5).json()["serving"])
    except (requests.RequestException, KeyError):
        return 0


def _kill_under_load(app: RunningApp, url: str, word: str, connections: int = 8) -> tuple[Load, float]:
    """Kill the first process with ``word`` in its command line under load; the load, and when it was killed."""
    with Load(url, connections, data=PICTURE, headers=PNG) as load:
        load.wait_for(50)
        victim = app.processes(word)[0]
        killed = time.monotonic()
        victim.kill()
        while time.monotonic() < killed + BACK_WITHIN_S:
            time.sleep(0.1)
    return load, killed


def test_killed_replica_costs_no_request(public_app: RunningApp, url: str) -> None:
    load, _ = _kill_under_load(public_app, url, "ServeReplica:cifar10:cifar10")
    assert load.failed == []
    deadline = time.monotonic() + 60
    while _serving(public_app) != 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _serving(public_app) == 2


def test_killed_proxy_is_replaced_at_once(public_app: RunningApp, url: str) -> None:
    load, killed = _kill_under_load(public_app, url, "haproxy.cfg")
    assert {answer.status for answer in load.failed} <= {0}  # connections that were cut or refused, nothing odd
    assert max((answer.done for answer in load.failed), default=killed) < killed + BACK_WITHIN_S / 2
    deadline = time.monotonic() + 60
    while not public_app.processes("/haproxy.cfg") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert public_app.processes("/haproxy.cfg"), "Ray has started no HAProxy of its own again"
    assert requests.post(url, data=PICTURE, headers=PNG).status_code == 200


def test_killed_controller_costs_no_request(public_app: RunningApp, url: str) -> None:
    load, _ = _kill_under_load(public_app, url, "ServeController")
    assert load.failed == []


def test_killed_registry_is_back_with_what_it_knew(public_app: RunningApp) -> None:
    models = f"{public_app.url}/api/models/cifar10"
    before = [item["aliases"] for item in requests.get(models).json()["versions"]]
    public_app.processes("RegistryActor")[0].kill()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        reply = requests.get(models)
        if reply.status_code == 200:
            break
        time.sleep(0.2)
    assert [item["aliases"] for item in reply.json()["versions"]] == before


def test_flood_is_answered_or_refused_at_once(public_app: RunningApp, url: str) -> None:
    """150 requests of 64 pictures at once exceed the queue: some get 503 with Retry-After."""
    many = [("file", ("p.png", PICTURE, "image/png"))] * 64

    async def flood() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=FLOOD)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            return await asyncio.gather(*(client.post(url, files=many) for _ in range(FLOOD)))

    with ThreadPoolExecutor(1) as thread:  # the browser of other tests has a loop in this one
        replies = thread.submit(asyncio.run, flood()).result()
    statuses = Counter(reply.status_code for reply in replies)
    assert set(statuses) == {200, 503}, statuses
    for reply in replies:
        if reply.status_code == 503:
            assert int(reply.headers["Retry-After"]) >= 1
            assert reply.json()["error"]["code"] == "busy"
    after = requests.post(url, data=PICTURE, headers=PNG)
    assert after.status_code == 200


def _slow(port: int, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(sent)
    return client


def test_slow_clients_hold_nothing(public_app: RunningApp, url: str) -> None:
    """300 clients that never finish their header or body are cut off, and others are answered."""
    head = b"POST /api/cifar10/predict HTTP/1.1\r\nHost: localhost\r\n"
    body = head + b"Content-Type: image/png\r\nContent-Length: 5000\r\n\r\nslow"
    began = time.monotonic()
    clients = [_slow(public_app.port, head if i % 2 else body) for i in range(SLOW_CLIENTS)]
    for _ in range(20):
        assert requests.post(url, data=PICTURE, headers=PNG, timeout=5).status_code == 200
    replies = []
    for client in clients:
        client.settimeout(max(1.0, began + HEADER_TIMEOUT_S + 10 - time.monotonic()))
        replies.append(client.recv(12))
        client.close()
    assert {reply[9:12] for reply in replies} == {b"408"}


def test_slow_bodies_of_one_client_hold_nothing_of_the_control_api(public_app: RunningApp) -> None:
    """Of 200 clients that drip tensors, 40 get 408 at the deadline; the rest are refused, others answered."""
    head = f"POST /api/v2/models/cifar10/infer HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {ONE_CLIENT}\r\n"
    began = time.monotonic()
    clients = [_slow(public_app.port, head.encode() + b"Content-Length: 20000000\r\n\r\n{") for _ in range(MANY_OF_ONE)]
    for _ in range(20):
        assert requests.get(f"{public_app.url}/api/models", timeout=5).status_code == 200
    replies = Counter()
    for client in clients:
        client.settimeout(max(1.0, began + DEADLINE_S + 15 - time.monotonic()))
        replies[client.recv(12)[9:12]] += 1
        client.close()
    assert replies == {b"408": OPEN_REQUESTS, b"429": MANY_OF_ONE - OPEN_REQUESTS}


def test_streams_of_one_client_keep_nobody_from_the_page(public_app: RunningApp) -> None:
    head = f"GET /gradio_api/heartbeat/x HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {ONE_CLIENT}\r\n\r\n"
    clients = [_slow(public_app.port, head.encode()) for _ in range(MANY_OF_ONE)]
    assert requests.get(public_app.url, headers={"X-Forwarded-For": "192.0.2.51"}, timeout=10).status_code == 200
    replies = Counter()
    for client in clients:
        client.settimeout(20)
        replies[client.recv(12)[9:12]] += 1
    for client in clients:
        client.close()
    assert replies == {b"200": OPEN_REQUESTS, b"429": MANY_OF_ONE - OPEN_REQUESTS}


@pytest.mark.parametrize("manner", ["half-closed", "reset"])
def test_clients_that_leave_hold_nothing(public_app: RunningApp, url: str, manner: str) -> None:
    head = f"POST /api/cifar10/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(PICTURE)}\r\n"
    request = head.encode() + b"Content-Type: image/png\r\nConnection: close\r\n\r\n" + PICTURE
    for _ in range(50):
        client = _slow(public_app.port, request)
        if manner == "half-closed":
            client.shutdown(socket.SHUT_WR)
            client.settimeout(10)
            client.recv(12)
        else:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    assert requests.post(url, data=PICTURE, headers=PNG).status_code == 200
    deadline = time.monotonic() + 20
    while _ongoing(public_app) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _ongoing(public_app) == 0


def _ongoing(app: RunningApp) -> float:
    text = requests.get(f"{app.url}/api/metrics").text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("air_ongoing_requests{"))


def test_deadline_ends_a_request_that_takes_too_long(public_app: RunningApp, url: str) -> None:
    """A body that keeps dripping passes HAProxy's own limit, and ends at the deadline."""
    size = 200_000
    head = f"POST /api/cifar10/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {size}"
    client = _slow(public_app.port, head.encode() + b"\r\n\r\n" + b"x" * 60_000)
    began = time.monotonic()
    client.settimeout(0.5)
    reply = b""
    while not reply and time.monotonic() < began + 45:
        try:
            client.sendall(b"x")
            reply = client.recv(4096)
        except TimeoutError:
            continue
    client.close()
    assert reply[9:12] in (b"503", b"408")
    assert time.monotonic() - began < 40
