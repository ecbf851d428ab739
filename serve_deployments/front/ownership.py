"""The claim of one app on its port and folder, and what a killed app left behind there."""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import suppress
from typing import IO

import psutil

from settings import Settings, private_folder

ORPHAN_GRACE_S = 3.0


def claim(settings: Settings) -> IO[str]:
    """Hold this port's folder for as long as the returned file is open.

    Raises BlockingIOError when another app holds it; the processes there are then no orphans.
    """
    lock = (private_folder(settings.tmp) / "app.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise
    return lock


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
    """Whether an app with this folder started the process; Ray's workers change their command line."""
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
