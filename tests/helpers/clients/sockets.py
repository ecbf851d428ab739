"""The listening sockets of a running app, and the table of docs/security.md that names each of them."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from functools import cached_property

import psutil

from benchmarks.harness.running_app import RunningApp
from settings import ROOT

HEADING = "## Every socket"


@dataclass(frozen=True)
class Listening:
    """A listening socket; ``process`` is its process's name."""

    process: str
    address: str
    port: int

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        address = ipaddress.ip_address(self.address)
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback


@dataclass(frozen=True)
class Row:
    """A line of the table: process, port and address as written there."""

    process: str
    port: str
    address: str

    @cached_property
    def _process(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.process).replace(r"\*", ".*"))

    def covers(self, found: Listening, app: RunningApp) -> bool:
        """Whether the line names this socket."""
        return (
            self._process.match(found.process) is not None
            and self._port(found.port, app.port)
            and (self.address == "all" or found.on_loopback)
        )

    def _port(self, port: int, public: int) -> bool:
        if self.port == "any":
            return True
        if match := re.fullmatch(r"(\d+)–(\d+)", self.port):
            return int(match[1]) <= port <= int(match[2])
        match = re.fullmatch(r"`AIR_PORT`(?: \+ (\d+))?", self.port)
        return port == (public + int(match[1] or 0) if match else int(self.port))


def documented() -> list[Row]:
    """The table of docs/security.md."""
    text = (ROOT / "docs" / "security.md").read_text().partition(HEADING)[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Row(process.strip("`"), port, address) for process, port, address, *_ in cells]


def listening(app: RunningApp) -> set[Listening]:
    """Every TCP socket that listens and every UDP socket that is bound, of any process of the app."""
    found = set()
    # Ray's agents rename themselves and take their environment with it: they are known by who started them.
    for process in {*app.processes(), *psutil.Process(app.process.pid).children(recursive=True)}:
        try:
            name = _name(process)
            connections = process.net_connections("inet")
        except psutil.Error:
            continue
        for one in connections:
            if one.status == psutil.CONN_LISTEN or (one.type == socket.SOCK_DGRAM and one.laddr and not one.raddr):
                found.add(Listening(name, one.laddr.ip, one.laddr.port))
    return found


def _name(process: psutil.Process) -> str:
    """``haproxy``, ``gcs_server``, ``ray::ServeReplica:…``, ``app.py``, ``ray/dashboard/dashboard.py``."""
    words = process.cmdline()
    if words[0].startswith("ray::"):
        return words[0]
    module = next((words[i + 1] for i, word in enumerate(words[:-1]) if word == "-m"), None)
    script = next((word for word in words[1:3] if word.endswith(".py")), None)
    return module or (script.partition("site-packages/")[2] or script if script else words[0].rpartition("/")[2])
